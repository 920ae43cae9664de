"""What the history tells when it is asked: past runs, findings with their dates, and the trend that a page draws."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from auditor.fleet.history import Kept

if TYPE_CHECKING:
    from sqlalchemy import Connection

LONGEST = 60
"""How many runs a trend shows at most."""


@dataclass(frozen=True, slots=True)
class Run:
    """A past run; with a pipeline or rule asked for, the counts are of it alone."""

    started_at: str
    source: str
    failed: int
    unknown: int
    waived: int
    new: int
    returned: int
    fixed: int
    seconds: float


def past_runs(
    connection: Connection, *, since: str = "", pipeline: str | None = None, rule: str | None = None
) -> tuple[Run, ...]:
    """Return the runs that started at or after `since`, oldest first; counts are of the pipeline and rule, when named."""
    from sqlalchemy import select

    from auditor.fleet.history_schema import findings, runs, states

    query = select(runs).where(runs.c.started_at >= since).order_by(runs.c.started_at, runs.c.id)
    rows = connection.execute(query).all()
    if pipeline is None and rule is None:
        names = tuple(Run.__dataclass_fields__)
        return tuple(Run(*(getattr(row, name) for name in names)) for row in rows)
    joined = (
        select(states.c.run, states.c.state, states.c.event)
        .join(runs, runs.c.id == states.c.run)
        .join(findings, (findings.c.fingerprint == states.c.fingerprint) & (findings.c.source == runs.c.source))
        .where(runs.c.started_at >= since, *_about(findings, pipeline, rule))
    )
    counted: dict[int, dict[str, int]] = {}
    for run, state, event in connection.execute(joined):
        tally = counted.setdefault(run, {})
        for word in {state, event} - {""}:
            tally[word] = tally.get(word, 0) + 1
    return tuple(_narrowed(row, counted.get(row.id, {})) for row in rows)


def _narrowed(row: Any, tally: dict[str, int]) -> Run:
    words = ("failing", "unknown", "waived", "new", "returned", "fixed")
    return Run(row.started_at, row.source, *(tally.get(word, 0) for word in words), row.seconds)


def _about(findings: Any, pipeline: str | None, rule: str | None) -> list[Any]:
    named = ((findings.c.pipeline, pipeline), (findings.c.rule, rule))
    return [column == value for column, value in named if value is not None]


def kept_findings(
    connection: Connection, *, since: str = "", pipeline: str | None = None, rule: str | None = None
) -> tuple[Kept, ...]:
    """Return what ever failed or is unknown and was judged at or after `since`: open first, the longest open first."""
    from sqlalchemy import select

    from auditor.fleet.history_schema import findings

    query = select(findings).where(
        findings.c.last_judged >= since, findings.c.state != "passed", *_about(findings, pipeline, rule)
    )
    rows = [Kept(**row._mapping) for row in connection.execute(query)]  # noqa: SLF001 - the name is public
    order = ("failing", "unknown", "known", "waived", "fixed", "gone")
    return tuple(
        sorted(rows, key=lambda one: (order.index(one.state), one.opened_at or "~", one.pipeline, one.rule, one.node))
    )


def trend(connection: Connection, source: str) -> tuple[tuple[str, int, int], ...]:
    """Return (started at, failed, unknown) of the newest runs of a source, oldest first, at most 60."""
    from sqlalchemy import select

    from auditor.fleet.history_schema import runs

    query = (
        select(runs.c.started_at, runs.c.failed, runs.c.unknown)
        .where(runs.c.source == source)
        .order_by(runs.c.started_at.desc(), runs.c.id.desc())
        .limit(LONGEST)
    )
    rows = [(row.started_at, row.failed, row.unknown) for row in connection.execute(query)]
    return tuple(reversed(rows))


def as_json(runs: tuple[Run, ...], kept: tuple[Kept, ...]) -> dict[str, Any]:
    """Return the history as plain JSON, version history-v1; times to fix are hours."""
    return {
        "version": "history-v1",
        "runs": [asdict(run) for run in runs],
        "findings": [{**asdict(one), "hours_to_fix": one.hours_to_fix} for one in kept],
    }
