"""Where facets come from: AWS itself, a saved snapshot, a Terraform plan or a CloudFormation template."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from auditor.errors import UsageError
from auditor.model import Pipeline, Resource, Snapshot

if TYPE_CHECKING:
    from auditor.aws import Aws

Needs = Mapping[str, Iterable[tuple[str, str]]]
Progress = Callable[[int, int], None]


class Options(Protocol):
    """What a run says about reading (`auditor.run.Settings`)."""

    @property
    def concurrency(self) -> int:
        """Return how many facets are read at once."""

    @property
    def timeout(self) -> float | None:
        """Return after how many seconds the rest is left unread."""

    @property
    def parameters(self) -> Mapping[str, str]:
        """Return the values of a template's parameters."""

    @property
    def parameter_files(self) -> Sequence[str]:
        """Return the files with values of a template's parameters."""

    @property
    def terraform_dir(self) -> str:
        """Return the folder with the plan's configuration, for line numbers; empty when there is none."""


def read(
    pipelines: Iterable[Pipeline],
    needs: Needs,
    sources: Iterable[str],
    *,
    aws: Aws | None,
    options: Options,
    progress: Progress | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> Iterator[Snapshot]:
    """Yield one snapshot a pipeline. Of several sources the first that knows a facet is believed.

    A source is `live`, or `KIND:FILE` with one of the kinds `snapshot`, `terraform` and `cloudformation`.
    Raises `UsageError` for any other, and `SourceError` for a file that cannot be used. Once `interrupted()` is true,
    what is still open of a live source is left unread.
    """
    listed, groups = tuple(pipelines), _grouped(sources)
    means = _Means(aws, options, progress, interrupted, alone=len(groups) == 1)
    with nullcontext() if any(kind == "live" for kind, _ in groups) else _uncollected():
        roads = [_road(kind, files, listed, needs, means) for kind, files in groups]
        for several in zip(*roads, strict=True):
            yield _joined(several)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Leave cyclic garbage alone for a while.

    Documents have no cycles, and looking through those of a large plan for some, again and again, takes half as long as
    reading it.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


@dataclass(frozen=True, slots=True)
class _Means:
    """What the sources read with."""

    aws: Aws | None
    options: Options
    progress: Progress | None
    interrupted: Callable[[], bool] | None
    alone: bool
    """True when all sources are of one kind."""


_TOGETHER = frozenset({"cloudformation", "terraform"})


def _grouped(sources: Iterable[str]) -> list[tuple[str, list[str]]]:
    """Return the kinds of sources with their files, in order; templates, and plans, stand together: they name each other."""
    groups: list[tuple[str, list[str]]] = []
    for source in sources:
        kind, _, file = source.partition(":")
        together = next((files for name, files in groups if name == kind and kind in _TOGETHER), None)
        if together is None or not file:
            groups.append((kind, [file]))
        else:
            together.append(file)
    return groups


def _road(
    kind: str, files: list[str], pipelines: tuple[Pipeline, ...], needs: Needs, means: _Means
) -> Iterable[Snapshot]:
    file = files[0]
    if kind == "live" and means.aws is not None:
        from auditor.sources import live

        options = means.options
        return live.read(
            pipelines,
            needs,
            means.aws,
            concurrency=options.concurrency,
            deadline=options.timeout,
            progress=means.progress,
            interrupted=means.interrupted,
        )
    if kind == "snapshot" and file:
        from auditor.sources import saved

        return saved.read(pipelines, needs, Path(file))
    if kind == "terraform" and file:
        from auditor.sources import terraform

        return terraform.read(pipelines, needs, [Path(one) for one in files], means.options, alone=means.alone)
    if kind == "cloudformation" and file:
        from auditor.sources import cloudformation

        return cloudformation.read(pipelines, needs, [Path(one) for one in files], means.options, alone=means.alone)
    raise UsageError(
        f"{kind + (':' if file else '') + file!r} is no source.",
        "Say live, snapshot:FILE, terraform:PLAN.json or cloudformation:TEMPLATE.",
    )


def _joined(snapshots: tuple[Snapshot, ...]) -> Snapshot:
    first = snapshots[0]
    if len(snapshots) == 1:
        return first
    resources = {name: _known([one.resources[name] for one in snapshots]) for name in first.resources}
    return replace(first, resources=resources, source=", ".join(one.source for one in snapshots), saved=None)


def _known(resources: list[Resource]) -> Resource:
    result = resources[0]
    for other in resources[1:]:
        facets = {**other.facets, **result.facets}
        result = replace(
            result,
            facets=facets,
            unread={name: why for name, why in {**other.unread, **result.unread}.items() if name not in facets},
            attributes={**other.attributes, **result.attributes},
            origin={**other.origin, **result.origin},
        )
    return result
