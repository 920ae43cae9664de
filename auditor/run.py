"""One run, from pipelines and rules to a report: read what is needed, judge, and let waivers speak."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import TYPE_CHECKING

from auditor.engine import evaluate
from auditor.kinds import wanted
from auditor.model import Finding, Notice, Pipeline, Report, Severity, Snapshot, Text, Usage, Verdict
from auditor.predicates import PREDICATES
from auditor.rule import Rule
from auditor.rulebook import wanted_facets
from auditor.scope import ONLY_PLAN
from auditor.version import __version__
from auditor.waivers import Baseline, apply

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

    @property
    def live(self) -> bool:
        """Tell whether AWS itself is asked."""
        return self.sources == ("live",)


def audit(
    pipelines: Iterable[Pipeline],
    rules: Iterable[Rule],
    settings: Settings | None = None,
    *,
    aws: Aws | None = None,
    progress: Progress | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> Report:
    """Return the report of one run.

    Reads exactly the facets that the rules need, each once; what could not be read makes unknown findings. With `aws`
    given, that door is used and left open; otherwise a door is opened for a live run and closed after it. Once
    `interrupted()` is true, what was read is judged, the rest is unknown, and the report says so.
    """
    settings = settings or Settings()
    listed, book = tuple(pipelines), tuple(rules)
    started, begun = datetime.now(timezone.utc), time.monotonic()
    with door(settings, aws) as way:
        before = way.usage() if way is not None else Usage()
        snapshots = tuple(read(listed, book, settings, way, progress, interrupted))
        after = way.usage() if way is not None else Usage()
    usage = Usage(after.calls - before.calls, after.retries - before.retries)
    findings = [finding for snapshot in snapshots for finding in evaluate(snapshot, book, PREDICATES)]
    return _report(findings, snapshots, listed, book, settings, started, usage, time.monotonic() - begun)


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
    progress: Progress | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> Iterable[Snapshot]:
    """Return one snapshot a pipeline from the sources that the settings name."""
    from auditor import sources

    needs: Needs = {one.name: wanted_facets(rules, one, to_fix=settings.to_fix) for one in pipelines}
    return sources.read(
        pipelines, needs, settings.sources, aws=aws, options=settings, progress=progress, interrupted=interrupted
    )


def judged(
    snapshot: Snapshot, rules: Iterable[Rule], pipelines: Iterable[Pipeline], settings: Settings
) -> tuple[Finding, ...]:
    """Return the findings about one snapshot, waivers and baseline applied, as a run of today would."""
    today = settings.today or datetime.now(timezone.utc).date()
    found, _ = apply(evaluate(snapshot, rules, PREDICATES), pipelines, today)
    return tuple(found if settings.baseline is None else settings.baseline.apply(found)[0])


def _report(
    findings: list[Finding],
    snapshots: tuple[Snapshot, ...],
    pipelines: tuple[Pipeline, ...],
    rules: tuple[Rule, ...],
    settings: Settings,
    started: datetime,
    usage: Usage,
    seconds: float,
) -> Report:
    today = settings.today or started.date()
    waived, notices = apply(findings, pipelines, today)
    if settings.baseline is not None:
        waived, more = settings.baseline.apply(waived)
        notices = (*notices, *more)
    declared, answered = counts(snapshots)
    if cut_short(snapshots):
        notices = (_CUT_SHORT, *notices)
    return Report(
        findings=tuple(waived),
        snapshots=snapshots,
        notices=(*settings.notices, *notices),
        source=", ".join(settings.sources),
        started_at=started.strftime("%Y-%m-%dT%H:%M:%SZ"),
        version=__version__,
        declared=declared,
        read=answered,
        usage=Usage(usage.calls, usage.retries, round(seconds, 3)),
        rules=tuple(rule.id for rule in rules),
    )


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
