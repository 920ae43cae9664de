"""What earlier runs found: recorded in one transaction a run, so that the next one can say what is new, back or fixed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import UsageError
from auditor.model import Finding, Report, Verdict
from auditor.render.totals import totals

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

OPEN = frozenset({"failing", "waived", "known"})
"""The states in which a finding fails, whoever accepted it."""
_WAIT = 30.0
_JUDGED_WELL = frozenset({Verdict.PASS, Verdict.NOT_APPLICABLE})


@dataclass(frozen=True, slots=True)
class Changes:
    """What a run changed against the runs before it.

    `new` fails for the first time, `returned` failed before and was fixed since, `unwaived` was accepted and counts
    again; these are the run's findings. `fixed` no longer fails, and is what the history kept of it.
    """

    new: tuple[Finding, ...] = ()
    returned: tuple[Finding, ...] = ()
    unwaived: tuple[Finding, ...] = ()
    fixed: tuple[Kept, ...] = ()
    first: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A finding as the history keeps it; moments are ISO 8601 in UTC.

    `state` is `failing`, `waived`, `known` (in the baseline), `unknown`, `fixed` or `gone` (its resource is no longer
    declared). `first_seen` is `None` for what never failed, `fixed_at` for what is open.
    """

    rule: str
    pipeline: str
    node: str
    severity: str
    fingerprint: str
    state: str
    first_seen: str | None
    last_seen: str | None
    opened_at: str | None
    fixed_at: str | None
    recurred: int
    source: str = "live"
    last_judged: str = ""

    @property
    def hours_to_fix(self) -> float | None:
        """Return the hours from when it last began to fail until it was found fixed, or `None` while it is not."""
        if self.fixed_at is None or self.opened_at is None:
            return None
        return round((_moment(self.fixed_at) - _moment(self.opened_at)).total_seconds() / 3600, 2)


@contextmanager
def opened(where: str) -> Iterator[Connection]:
    """Yield a transaction on the history at a SQLAlchemy URL, its tables made or brought up to date.

    Raises `UsageError`, without a password in it, when there is no such history, driver or server.
    """
    try:
        from sqlalchemy.exc import SQLAlchemyError

        from auditor.fleet.history_schema import prepare
    except ImportError:
        raise UsageError("A history needs SQLAlchemy.", "pip install 'auditor[history]'") from None
    url = _url(where)
    shown = displayed(url)
    try:
        engine = _engine(url)
        try:
            with engine.begin() as connection:
                prepare(connection, shown)
                yield connection
        finally:
            engine.dispose()
    except ImportError as error:
        missing = error.name or "a driver"
        raise UsageError(f"The history {shown} needs the Python package {missing}.", "Install it.") from None
    except (SQLAlchemyError, OSError, ValueError) as error:
        raise UsageError(f"The history {shown} cannot be used: {_reason(error, url)}.") from None


def _url(where: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(where)
    except (ArgumentError, ValueError):
        # What cannot be read may hold a password anywhere, so it is not repeated.
        raise UsageError("The history is no database URL.", "Write it like sqlite:///history.sqlite.") from None
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    return url


def displayed(url: URL) -> str:
    """Return a URL that may be shown: without password and options."""
    return url.set(query={}).render_as_string(hide_password=True)


def _engine(url: URL) -> Engine:
    from sqlalchemy import create_engine, event
    from sqlalchemy.pool import NullPool

    sqlite = url.get_backend_name() == "sqlite"
    if sqlite and url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": _WAIT} if sqlite else {})
    if sqlite:
        event.listen(engine, "connect", _sqlite_connected)
        event.listen(engine, "begin", _sqlite_begins)
    return engine


def _sqlite_connected(connection: Any, _record: Any) -> None:
    # Python's driver would begin transactions by itself, and late: two runs could both read before either writes.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {int(_WAIT * 1000)}")
    connection.execute("PRAGMA foreign_keys = ON")


def _sqlite_begins(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _reason(error: Exception, url: URL) -> str:
    told = str(getattr(error, "orig", None) or error).strip().splitlines() or [type(error).__name__]
    secrets = [url.password, *(word for value in url.query.values() for word in _words(value))]
    reason = told[0]
    for secret in secrets:
        if secret:
            reason = reason.replace(str(secret), "***")
    return reason.rstrip(".")


def _words(value: str | tuple[str, ...]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else value


def source_of(report: Report) -> str:
    """Return what a run's findings are compared within: `live`, `terraform`, …; a plan that is right mends nothing live."""
    return "+".join(sorted({word.strip().partition(":")[0] for word in report.source.split(",")}))[:32]


def record(connection: Connection, report: Report) -> Changes:
    """Write a run into the history and return what it changed; a finding that could not be read is not fixed.

    A run that ended later than a newer one leaves alone what the newer one has judged.
    """
    from sqlalchemy import func, insert, select

    from auditor.fleet.history_schema import findings, runs, states

    source = source_of(report)
    earlier = connection.execute(select(func.count()).select_from(runs).where(runs.c.source == source)).scalar()
    before = {
        row.fingerprint: Kept(**row._mapping)  # noqa: SLF001 - the name is public in SQLAlchemy
        for row in connection.execute(select(findings).where(findings.c.source == source))
    }
    steps = [*_judged(report, before, source), *_vanished(report, before)]
    changes = _changes(report, steps, first=not earlier)
    run = connection.execute(insert(runs).values(**_row(report, source, changes))).inserted_primary_key
    _save(connection, [kept for kept, _ in steps], before)
    rows = [
        {"run": run[0] if run else 0, "fingerprint": kept.fingerprint, "state": kept.state, "event": event}
        for kept, event in steps
        if event or kept.state in OPEN or kept.state == "unknown"
    ]
    if rows:
        connection.execute(insert(states), rows)
    return changes


def _judged(report: Report, before: Mapping[str, Kept], source: str) -> Iterator[tuple[Kept, str]]:
    """Yield what becomes of each finding that fails, is unknown, or was kept, and the event that this is, if any."""
    for finding in {one.fingerprint: one for one in report.findings}.values():
        old = before.get(finding.fingerprint)
        if old is not None and old.last_judged > report.started_at:
            continue
        if old is None and finding.verdict in _JUDGED_WELL:
            continue
        yield _step(old or _fresh(finding, source), finding, report.started_at)


def _fresh(finding: Finding, source: str) -> Kept:
    names = (finding.rule[:255], finding.pipeline[:255], finding.node[:255], finding.severity.value)
    return Kept(*names, finding.fingerprint, "", None, None, None, None, 0, source)


def _step(old: Kept, finding: Finding, now: str) -> tuple[Kept, str]:
    from dataclasses import replace

    kept = replace(old, severity=finding.severity.value, last_judged=now)
    if finding.verdict is Verdict.UNKNOWN:
        return replace(kept, state="unknown"), ""
    if finding.verdict is not Verdict.FAIL:
        if old.first_seen is None or old.fixed_at is not None:
            return replace(kept, state="fixed" if old.fixed_at else "passed"), ""
        return replace(kept, state="fixed", fixed_at=now), "fixed"
    state = "waived" if finding.waiver is not None else "known" if finding.known else "failing"
    kept = replace(kept, state=state, last_seen=now, fixed_at=None)
    if old.first_seen is None:
        return replace(kept, first_seen=now, opened_at=now), "new" if state == "failing" else ""
    if old.fixed_at is not None or old.state == "gone":
        again = replace(kept, opened_at=now, recurred=old.recurred + 1)
        return again, "returned" if state == "failing" else ""
    return kept, "unwaived" if state == "failing" and old.state in {"waived", "known"} else ""


def _vanished(report: Report, before: Mapping[str, Kept]) -> Iterator[tuple[Kept, str]]:
    """Yield what was open and is no longer declared, although its rule judged its pipeline: gone, which is not fixed."""
    from dataclasses import replace

    told = {one.fingerprint for one in report.findings}
    judged = {(one.rule, one.pipeline) for one in report.findings}
    for print_, old in before.items():
        if print_ in told or old.state not in {*OPEN, "unknown"} or old.last_judged > report.started_at:
            continue
        if (old.rule, old.pipeline) in judged:
            yield replace(old, state="gone", last_judged=report.started_at), "gone"


def _changes(report: Report, steps: list[tuple[Kept, str]], *, first: bool) -> Changes:
    by_print = {one.fingerprint: one for one in report.findings}

    def having(event: str) -> tuple[Finding, ...]:
        return tuple(by_print[kept.fingerprint] for kept, one in steps if one == event)

    fixed = tuple(kept for kept, event in steps if event == "fixed")
    return Changes(having("new"), having("returned"), having("unwaived"), fixed, first)


def _row(report: Report, source: str, changes: Changes) -> dict[str, Any]:
    sums = totals(report)
    return {
        "started_at": report.started_at,
        "source": source,
        "version": report.version,
        "pipelines": len({one.pipeline.name for one in report.snapshots}),
        **{name: getattr(sums, name) for name in ("declared", "read", "failed", "unknown", "waived", "known", "passed")},
        "not_applicable": sums.not_applicable,
        "new": len(changes.new),
        "returned": len(changes.returned),
        "fixed": len(changes.fixed),
        "calls": sums.usage.calls,
        "retries": sums.usage.retries,
        "seconds": sums.usage.seconds,
    }


def _save(connection: Connection, kept: list[Kept], before: Mapping[str, Kept]) -> None:
    from dataclasses import asdict

    from sqlalchemy import bindparam, insert, update

    from auditor.fleet.history_schema import findings

    fresh = [asdict(one) for one in kept if one.fingerprint not in before]
    if fresh:
        connection.execute(insert(findings), fresh)
    changed = [asdict(one) for one in kept if one.fingerprint in before]
    if changed:
        names = [column.name for column in findings.columns if not column.primary_key]
        statement = (
            update(findings)
            .where(findings.c.source == bindparam("of_source"), findings.c.fingerprint == bindparam("of_print"))
            .values({name: bindparam(f"to_{name}") for name in names})
        )
        connection.execute(
            statement,
            [
                {"of_source": one["source"], "of_print": one["fingerprint"]} | {f"to_{name}": one[name] for name in names}
                for one in changed
            ],
        )


def prune(connection: Connection, days: int, *, today: date | None = None) -> int:
    """Forget runs that started more than `days` days ago, and findings closed before then; return how many runs went.

    What is still open is kept, with when it was first seen.
    """
    from sqlalchemy import delete, select

    from auditor.fleet.history_schema import findings, runs, states

    limit = days_ago(days, today)
    old = select(runs.c.id).where(runs.c.started_at < limit)
    connection.execute(delete(states).where(states.c.run.in_(old)))
    gone = connection.execute(delete(runs).where(runs.c.started_at < limit)).rowcount
    closed = findings.c.state.in_(["fixed", "gone", "passed"])
    connection.execute(delete(findings).where(closed, findings.c.last_judged < limit))
    return gone


def days_ago(days: int, today: date | None = None) -> str:
    """Return the first moment of the day that lies `days` days back, as the history writes moments.

    Raises `UsageError` when that is before all calendars.
    """
    day = today or datetime.now(timezone.utc).date()
    try:
        start = datetime.combine(day - timedelta(days=days), time(), timezone.utc)
    except OverflowError:
        raise UsageError(f"{days} days ago there was no calendar.", "Name fewer days.") from None
    return start.strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
