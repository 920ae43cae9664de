"""One run, from pipelines and rules to a report: read what is needed, judge, and let waivers speak."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Protocol

from auditor.engine import evaluate
from auditor.kept import Shelf
from auditor.kinds import wanted
from auditor.model import Finding, Notice, Pipeline, Report, Seal, Severity, Snapshot, Text, Usage, Verdict
from auditor.predicates import PREDICATES
from auditor.rule import Rule
from auditor.rulebook import wanted_facets
from auditor.scope import ONLY_PLAN
from auditor.seals import Sealing
from auditor.version import __version__
from auditor.waivers import Baseline, Holding, Waiving, apply

if TYPE_CHECKING:
    from auditor.aws import Aws

_CUT_SHORT = Notice(
    "interrupted",
    Text(
        "The run was interrupted: what had been read is judged, everything else is unknown.",
        "実行は中断されました。読み取り済みのものだけを判定し、残りは不明としています。",
    ),
    severity=Severity.HIGH,
)

Progress = Callable[[int, int], None]
Needs = Mapping[str, frozenset[tuple[str, str]]]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to read: the sources (`live`, `snapshot:FILE`, …), calls at once, seconds before the rest is left unread."""

    sources: tuple[str, ...] = ("live",)
    concurrency: int = 32
    timeout: float | None = None
    to_fix: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    parameter_files: tuple[str, ...] = ()
    terraform_dir: str = ""
    today: date | None = None
    baseline: Baseline | None = None
    notices: tuple[Notice, ...] = ()
    seal: bool = False
    """Whether the report is to have the digests of what it was made of."""

    @property
    def live(self) -> bool:
        """Tell whether AWS itself is asked."""
        return self.sources == ("live",)


class Reader(Protocol):
    """Who reads live accounts in place of this process (`auditor.fleet.executor`)."""

    def read(
        self,
        pipelines: tuple[Pipeline, ...],
        needs: Needs,
        settings: Settings,
        progress: Progress | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterable[Snapshot]:
        """Return one snapshot a pipeline, in the given order."""

    def usage(self) -> Usage:
        """Return the calls made so far; `seconds` is 0."""


def audit(
    pipelines: Iterable[Pipeline],
    rules: Iterable[Rule],
    settings: Settings | None = None,
    *,
    aws: Aws | None = None,
    reader: Reader | None = None,
    progress: Progress | None = None,
    interrupted: Callable[[], bool] | None = None,
    lean: bool = False,
) -> Report:
    """Return the report of one run.

    Reads exactly the facets that the rules need, each once; what could not be read makes unknown findings. With `aws`
    given, that door is used and left open; with `reader`, that one reads; otherwise a door is opened for a live run and
    closed after it. Once `interrupted()` is true, what was read is judged, the rest is unknown, and the report says so. A
    `lean` report keeps no documents: its memory does not grow with what was read, and it cannot be mended from.
    """
    settings = settings or Settings()
    listed, book = tuple(pipelines), tuple(rules)
    started, begun = datetime.now(timezone.utc), time.monotonic()
    desk = _Desk(listed, book, settings, settings.today or started.date(), lean=lean)
    with nullcontext(aws) if reader is not None else door(settings, aws) as way:
        spends = reader if reader is not None else way
        before = spends.usage() if spends is not None else Usage()
        for snapshot in read(listed, book, settings, way, reader, progress=progress, interrupted=interrupted):
            desk.take(snapshot)
        after = spends.usage() if spends is not None else Usage()
    seconds = round(time.monotonic() - begun, 3)
    return Report(
        findings=desk.findings(),
        snapshots=desk.snapshots(),
        notices=desk.notices(),
        source=", ".join(settings.sources),
        started_at=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        version=__version__,
        declared=desk.declared,
        read=desk.read,
        usage=Usage(after.calls - before.calls, after.retries - before.retries, seconds),
        rules=tuple(rule.id for rule in book),
        seal=desk.seal(),
    )


class _Desk:
    """Where snapshots are judged as they come in: all of them is kept, or (`lean`) what a report without documents needs."""

    def __init__(
        self, pipelines: tuple[Pipeline, ...], rules: tuple[Rule, ...], settings: Settings, today: date, *, lean: bool
    ) -> None:
        self.declared = self.read = 0
        self._rules = rules
        self._settings = settings
        self._waiving = Waiving(pipelines, today)
        self._holding = None if settings.baseline is None else Holding(settings.baseline)
        self._sealing = Sealing(rules) if settings.seal else None
        self._cut_short = False
        self._shelf = Shelf() if lean else None
        self._snapshots: list[Snapshot] = []
        self._findings: list[Finding] = []

    def take(self, snapshot: Snapshot) -> None:
        """Judge a snapshot and keep what is wanted of it."""
        declared, read = counts([snapshot])
        self.declared, self.read = self.declared + declared, self.read + read
        self._cut_short = self._cut_short or cut_short([snapshot])
        findings = self._waiving.apply(evaluate(snapshot, self._rules, PREDICATES))
        findings = findings if self._holding is None else self._holding.apply(findings)
        if self._sealing is not None:
            self._sealing.take(snapshot, findings)
        if self._shelf is not None:
            self._shelf.add(snapshot, findings)
        else:
            self._snapshots.append(snapshot)
            self._findings += findings

    def findings(self) -> Sequence[Finding]:
        """Return all findings."""
        return tuple(self._findings) if self._shelf is None else self._shelf.findings()

    def snapshots(self) -> Sequence[Snapshot]:
        """Return all snapshots."""
        return tuple(self._snapshots) if self._shelf is None else self._shelf.snapshots()

    def seal(self) -> Seal | None:
        """Return the seal over all that was judged, where one is wanted."""
        return None if self._sealing is None else self._sealing.seal()

    def notices(self) -> tuple[Notice, ...]:
        """Return what the reader should know, the waivers and the baseline last."""
        cut = (_CUT_SHORT,) if self._cut_short else ()
        held = self._holding.notices() if self._holding is not None else ()
        return (*self._settings.notices, *cut, *self._waiving.notices(), *held)


def door(settings: Settings, aws: Aws | None = None) -> AbstractContextManager[Aws | None]:
    """Return the way to AWS for a run: the one given, a new one for a live run, or none."""
    if aws is not None or not settings.live:
        return nullcontext(aws)
    from auditor.aws import Aws as Door

    return Door(concurrency=settings.concurrency)


def read(
    pipelines: tuple[Pipeline, ...],
    rules: tuple[Rule, ...],
    settings: Settings,
    aws: Aws | None,
    reader: Reader | None = None,
    *,
    progress: Progress | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> Iterable[Snapshot]:
    """Return one snapshot a pipeline from the sources that the settings name, or as `reader` reads live ones."""
    from auditor import sources

    needs = _needs(pipelines, rules, to_fix=settings.to_fix)
    if reader is not None:
        return reader.read(pipelines, needs, settings, progress, interrupted)
    return sources.read(
        pipelines, needs, settings.sources, aws=aws, options=settings, progress=progress, interrupted=interrupted
    )


def _needs(pipelines: Iterable[Pipeline], rules: tuple[Rule, ...], *, to_fix: bool) -> Needs:
    """Return the facets wanted of each pipeline; those of pipelines that are built alike are worked out once."""
    known: dict[str, frozenset[tuple[str, str]]] = {}
    needs: dict[str, frozenset[tuple[str, str]]] = {}
    for one in pipelines:
        nodes = [(name, node.kind, *sorted(node.settings.items())) for name, node in sorted(one.nodes.items())]
        alike = repr((nodes, sorted(one.intent.items())))
        if alike not in known:
            known[alike] = wanted_facets(rules, one, to_fix=to_fix)
        needs[one.name] = known[alike]
    return needs


def judged(
    snapshot: Snapshot, rules: Iterable[Rule], pipelines: Iterable[Pipeline], settings: Settings
) -> tuple[Finding, ...]:
    """Return the findings about one snapshot, waivers and baseline applied, as a run of today would."""
    today = settings.today or datetime.now(timezone.utc).date()
    found, _ = apply(evaluate(snapshot, rules, PREDICATES), pipelines, today)
    return tuple(found if settings.baseline is None else settings.baseline.apply(found)[0])


def counts(snapshots: Iterable[Snapshot]) -> tuple[int, int]:
    """Return how many facets were wanted and how many were read.

    What only a plan has is wanted of a plan alone, and what is only considered (organisation policies) is wanted where it
    was read.
    """
    known = [(snapshot.pipeline.intent, one) for snapshot in snapshots for one in snapshot.resources.values()]
    answered = sum(len(one.facets) for _, one in known)
    missing = (
        why.reason != ONLY_PLAN and wanted(one.node, facet, intent) == "require"
        for intent, one in known
        for facet, why in one.unread.items()
    )
    return answered + sum(missing), answered


def cut_short(snapshots: Iterable[Snapshot]) -> bool:
    """Tell whether an interrupt left something unread."""
    known = (resource for snapshot in snapshots for resource in snapshot.resources.values())
    return any(why.reason == "Interrupted" for resource in known for why in resource.unread.values())


def failing(report: Report) -> tuple[Finding, ...]:
    """Return the findings that failed and that nobody accepted."""
    return tuple(one for one in report.findings if one.verdict is Verdict.FAIL and one.gates)
