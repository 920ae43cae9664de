"""Read pipelines from Terraform plans and states: what will be there, and what nobody knows before it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from auditor.model import Pipeline, Snapshot
from auditor.sources import terraform_configuration
from auditor.sources import terraform_nodes as nodes
from auditor.sources.terraform_nodes import Located
from auditor.sources.terraform_picture import Picture
from auditor.sources.terraform_reading import load
from auditor.sources.terraform_world import world

Needs = Mapping[str, Iterable[tuple[str, str]]]


class Options(Protocol):
    """What a run says about plans (`auditor.run.Settings`)."""

    @property
    def terraform_dir(self) -> str:
        """Return the folder with the plan's configuration; empty when there is none."""


def read(
    pipelines: Iterable[Pipeline], needs: Needs, file: Path | Sequence[Path], options: Options
) -> Iterator[Snapshot]:
    """Yield each pipeline as the plans would leave it; several plans are read together.

    Each node is looked for by its address or by its name. What the plans do not have is unread (`NotInPlan`), what they
    cannot tell too (`KnownAfterApply`, `Sensitive`, `OnlyLive`). Raises `SourceError`.
    """
    files = [file] if isinstance(file, Path) else list(file)
    listed = list(pipelines)
    accounts = {node.account.id: node.account for pipeline in listed for node in pipeline.nodes.values()}
    configuration = terraform_configuration.load(Path(options.terraform_dir)) if options.terraform_dir else None
    made = nodes.index(world([load(one) for one in files], accounts, configuration))
    source = ", ".join(f"terraform:{path}" for path in files)
    found = {
        pipeline.name: {name: nodes.locate(node, made) for name, node in pipeline.nodes.items()} for pipeline in listed
    }
    for places_of in found.values():
        for one in places_of.values():
            if isinstance(one, Located) and one.instance is not None:
                made.world.tell(one.instance, one.node.account.id, "")
    for pipeline in listed:
        yield Picture(made, pipeline, found[pipeline.name]).snapshot(needs.get(pipeline.name, ()), source)
