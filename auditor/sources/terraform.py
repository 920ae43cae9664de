"""Read pipelines from Terraform plans and states: what will be there, and what nobody knows before it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from auditor.errors import Mistake, Place, SourceError
from auditor.kinds.terraform import KIND_OF
from auditor.model import Account, Node, Pipeline, Resource, Snapshot, Text, Unread
from auditor.sources import proposals, terraform_configuration
from auditor.sources import terraform_nodes as nodes
from auditor.sources.terraform_nodes import Index, Located
from auditor.sources.terraform_picture import Picture
from auditor.sources.terraform_plan import Instance
from auditor.sources.terraform_reading import load
from auditor.sources.terraform_world import world

_UNKNOWN = Account("plan", "000000000000", "us-east-1")
Needs = Mapping[str, Iterable[tuple[str, str]]]


class Options(Protocol):
    """What a run says about plans (`auditor.run.Settings`)."""

    @property
    def terraform_dir(self) -> str:
        """Return the folder with the plan's configuration; empty when there is none."""


def read(
    pipelines: Iterable[Pipeline],
    needs: Needs,
    file: Path | Sequence[Path],
    options: Options,
    *,
    alone: bool = True,
) -> Iterator[Snapshot]:
    """Yield each pipeline as the plans would leave it; several plans are read together.

    Each node is looked for by its address or by its name. What the plans do not have is unread (`NotInPlan`), what they
    cannot tell too (`KnownAfterApply`, `Sensitive`, `OnlyLive`). `alone` is false when other sources are read as well:
    beside their names, one that is known only after apply proves nothing. Raises `SourceError`.
    """
    files = [file] if isinstance(file, Path) else list(file)
    listed = list(pipelines)
    made = _index(files, listed, options)
    source = ", ".join(f"terraform:{path}" for path in files)
    found = {one.name: _found(one, made, alone=alone) for one in listed}
    for located in found.values():
        for one in located.values():
            if isinstance(one, Located) and one.instance is not None:
                made.world.tell(one.instance, one.node.account.id, "")
    for pipeline in listed:
        with _bounded(files):
            snapshot = Picture(made, pipeline, found[pipeline.name]).snapshot(needs.get(pipeline.name, ()), source)
        yield snapshot


def everything(file: Path | Sequence[Path], options: Options, account: Account = _UNKNOWN) -> dict[str, Resource]:
    """Return all resources of the kinds that pipelines are made of, by address, with the facets proposals look at.

    `account` is where the plans go unless they tell another one; without it ARNs have an account of zeros. Raises as
    `read` does.
    """
    files = [file] if isinstance(file, Path) else list(file)
    made = _index(files, [], options)
    nodes_of = {
        one.address: Node(
            one.address, KIND_OF[one.type], _owner(made, one, account), "", {}, {"terraform": one.address}
        )
        for plan in made.world.plans
        for one in plan.instances
        if one.mode == "managed" and one.type in KIND_OF and one.type != nodes.ALIAS
    }
    pipeline = Pipeline("plan", nodes_of, {account.name: account})
    wanted = [(name, facet) for name, node in nodes_of.items() for facet in proposals.WANTED[node.kind]]
    picture = Picture(made, pipeline, _found(pipeline, made, alone=True))
    return {name: one for name, one in picture.snapshot(wanted, "terraform").resources.items() if one.facets}


def propose(file: Path | Sequence[Path], options: Options, account: Account = _UNKNOWN) -> list[proposals.Proposal]:
    """Return the pipelines that the references of plans make up.

    Replication leads to buckets, role and keys, notification to the consumer, export permissions to exporter and table;
    an end that leads to something unread stays open. `proposals.plain(…, "terraform", account)` makes them data for a
    pipeline file. Raises as `read` does.
    """
    return proposals.propose(everything(file, options, account))


def _index(files: Sequence[Path], listed: Sequence[Pipeline], options: Options) -> Index:
    accounts = {node.account.id: node.account for pipeline in listed for node in pipeline.nodes.values()}
    with _bounded(files):
        configuration = terraform_configuration.load(Path(options.terraform_dir)) if options.terraform_dir else None
        return nodes.index(world([load(one) for one in files], accounts, configuration))


@contextmanager
def _bounded(files: Sequence[Path]) -> Iterator[None]:
    """Turn what is nested too deep to be followed into a sentence."""
    try:
        yield
    except RecursionError:
        where = Place(", ".join(map(str, files)))
        hint = "Write it with `terraform show -json PLAN > plan.json`."
        raise SourceError([Mistake(where, "The plan is nested too deep to be followed.", hint)]) from None


def _found(pipeline: Pipeline, made: Index, *, alone: bool) -> dict[str, Located | Unread]:
    """Return where the nodes of a pipeline stand, or why that is not known."""
    found = {name: nodes.locate(node, made) for name, node in pipeline.nodes.items()}
    if alone:
        return found
    return {name: _declared(one) for name, one in found.items()}


def _declared(found: Located | Unread) -> Located | Unread:
    if isinstance(found, Unread) or not found.stands_in or found.instance is None:
        return found
    detail = Text(
        f"The name of {found.instance.address} is known only after apply: declare it.",
        f"{found.instance.address} の名前は apply するまで確定しません。宣言してください。",
    )
    return Unread("KnownAfterApply", detail=detail)


def _owner(made: Index, instance: Instance, instead: Account) -> Account:
    known = made.world.account(instance)
    region = made.world.region(instance)
    account = instead if known is None or known.id == instead.id else known
    return replace(account, region=region or account.region or instead.region)
