"""Read pipelines from CloudFormation templates: what a stack would make, and what nobody knows before it does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from auditor.errors import Mistake, Place, SourceError, UsageError
from auditor.files import did_you_mean
from auditor.kinds.cloudformation import KIND_OF
from auditor.model import Account, Json, Node, Pipeline, Resource, Snapshot
from auditor.sources import proposals
from auditor.sources.cloudformation_nodes import ALIAS
from auditor.sources.cloudformation_picture import Picture, World
from auditor.sources.cloudformation_template import Template, load, parameter_file

_UNKNOWN = Account("template", "000000000000", "us-east-1")
Needs = Mapping[str, Iterable[tuple[str, str]]]


class Options(Protocol):
    """What a run says about templates (`auditor.run.Settings`)."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """Return the values of parameters."""

    @property
    def parameter_files(self) -> Sequence[str]:
        """Return the files with values of parameters."""


def read(
    pipelines: Iterable[Pipeline],
    needs: Needs,
    file: Path | Sequence[Path],
    options: Options,
    *,
    alone: bool = True,
) -> Iterator[Snapshot]:
    """Yield each pipeline as the templates would make it; several templates are read together.

    A folder stands for the `*.template.json` in it, as `cdk synth` writes them. Each node is looked for in its own
    account and Region. What a template does not have is unread (`NotInTemplate`), what it cannot tell too (`Unresolved`,
    `Conditional`, `Macro`, `OnlyLive`). `alone` is false when other sources are read as well: beside their names, one that
    is known only after deployment proves nothing. Raises `SourceError`, and `UsageError` for a parameter that no template has.
    """
    files = [file] if isinstance(file, Path) else list(file)
    listed = tuple(pipelines)
    region = next((node.account.region for one in listed for node in one.nodes.values()), "us-east-1")
    given = _given(options)
    templates = [load(one, given, region) for path in files for one in _files(path)]
    _check(templates, options)
    world = World(templates, given, alone=alone)
    source = ", ".join(f"cloudformation:{path}" for path in files)
    for pipeline in listed:
        yield Picture(world, pipeline).snapshot(needs.get(pipeline.name, ()), source)


def everything(file: Path | Sequence[Path], options: Options, account: Account = _UNKNOWN) -> dict[str, Resource]:
    """Return all resources of the kinds that pipelines are made of, by logical id, with the facets proposals look at.

    `account` is where the templates go; without it ARNs have an account of zeros. Raises as `read` does.
    """
    files = [file] if isinstance(file, Path) else list(file)
    given = _given(options)
    templates = [load(one, given, account.region) for path in files for one in _files(path)]
    _check(templates, options)
    kinds = {
        logical: KIND_OF[str(written.value["Type"])]
        for template in templates
        for logical, written in template.resources.items()
        if written.value["Type"] in KIND_OF and written.value["Type"] != ALIAS
    }
    made = {
        logical: Node(logical, kind, account, "", {}, {"cloudformation": logical}) for logical, kind in kinds.items()
    }
    wanted = [(logical, facet) for logical, kind in kinds.items() for facet in proposals.WANTED[kind]]
    pipeline = Pipeline("template", made, {account.name: account})
    snapshot = Picture(World(templates, given), pipeline).snapshot(wanted, "cloudformation")
    return {name: one for name, one in snapshot.resources.items() if one.facets}


def propose(file: Path | Sequence[Path], options: Options, account: Account = _UNKNOWN) -> list[proposals.Proposal]:
    """Return the pipelines that the templates' references make up. Raises as `read` does."""
    return proposals.propose(everything(file, options, account))


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.rglob("*.template.json"))
    if not found:
        hint = "Name a template, or the folder that `cdk synth` writes."
        raise SourceError([Mistake(Place(str(path)), "The folder holds no `*.template.json`.", hint)])
    return found


def _given(options: Options) -> Mapping[str, str]:
    """Return the parameters of the files in their order, and then those of the command line, which win."""
    given: dict[str, str] = {}
    for file in options.parameter_files:
        given |= parameter_file(Path(file))
    return {**given, **options.parameters}


def _check(templates: list[Template], options: Options) -> None:
    """Refuse a parameter that no template has, or not with this value: AWS would, and a default would speak instead."""
    known = {name: one for template in templates for name, one in template.parameters.items()}
    for name, value in options.parameters.items():
        if name not in known and not name.startswith("AWS::"):
            raise UsageError(f"No template has a parameter `{name}`.", did_you_mean(name, known).strip())
        allowed = known[name].get("AllowedValues") if name in known else None
        if allowed is not None and isinstance(allowed.value, list) and value not in map(_said, allowed.value):
            listed = ", ".join(f"`{_said(one)}`" for one in allowed.value)
            raise UsageError(f"--parameter {name}={value}: the template allows {listed} ({allowed.place}).")


def _said(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
