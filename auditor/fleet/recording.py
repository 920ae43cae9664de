"""One run held against what was known: what is new, what came back, what is fixed, and what is forgotten."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from auditor.fleet.entries import CLOSED, Entry, News, entry_of, moment, order, row_of
from auditor.model import Finding, Report, Verdict

if TYPE_CHECKING:
    from sqlalchemy import Connection


def recorded(connection: Connection, report: Report) -> News:
    """Write a run and what it says of each finding; return what it changed."""
    from sqlalchemy import func, select

    from auditor.fleet.tables import EVENTS, RUNS

    source = report.source[:400]
    first = not connection.execute(select(func.count()).select_from(RUNS).where(RUNS.c.source == source)).scalar()
    judged = _Judged(connection, source, report)
    news = judged.news(first=first)
    counts = judged.counts | {"new": len(news.new), "returned": len(news.returned), "fixed": len(news.fixed)}
    run = connection.execute(
        RUNS.insert().values(
            name=uuid4().hex,
            source=source,
            started_at=report.started_at,
            version=report.version,
            pipelines=len(report.snapshots),
            rules=len(report.rules),
            declared=report.declared,
            answered=report.read,
            calls=report.usage.calls,
            retries=report.usage.retries,
            seconds=report.usage.seconds,
            **counts,
        )
    ).inserted_primary_key
    assert run is not None
    judged.write(connection)
    ids = _ids(connection, source, [fingerprint for fingerprint, _ in judged.events])
    rows = [{"run": run[0], "finding": ids[fingerprint], "what": what} for fingerprint, what in judged.events]
    if rows:
        connection.execute(EVENTS.insert(), rows)
    return news


class _Judged:
    """What a run says about each finding, held against what was known."""

    def __init__(self, connection: Connection, source: str, report: Report) -> None:
        from auditor.fleet.tables import FINDINGS

        self._source = source
        self._now = report.started_at
        rows = connection.execute(FINDINGS.select().where(FINDINGS.c.source == source)).mappings()
        self._known = {row["fingerprint"]: entry_of(row) for row in rows}
        self._places = {(one.rule, one.pipeline, one.node) for one in self._known.values()}
        self.events: list[tuple[str, str]] = []
        self._made: list[Entry] = []
        self._changed: list[Entry] = []
        self.counts = dict.fromkeys(
            ("passed", "unknown", "waived", "failed", "critical", "high", "medium", "low", "info"), 0
        )
        for finding in report.findings:
            self._take(finding)

    def news(self, *, first: bool) -> News:
        """Return what changed, worst first."""
        by_print = {one.fingerprint: one for one in (*self._made, *self._changed)}

        def told(what: str) -> tuple[Entry, ...]:
            return tuple(sorted((by_print[name] for name, event in self.events if event == what), key=order))

        return News(told("new"), (*told("returned"), *told("unwaived")), told("fixed"), first)

    def write(self, connection: Connection) -> None:
        """Write the rows that are new or changed."""
        from sqlalchemy import bindparam

        from auditor.fleet.tables import FINDINGS

        if self._made:
            connection.execute(FINDINGS.insert(), [row_of(one) for one in self._made])
        if self._changed:
            changes = FINDINGS.update().where(
                FINDINGS.c.source == bindparam("its_source"), FINDINGS.c.fingerprint == bindparam("its_print")
            )
            rows = [
                {"its_source": one.source, "its_print": one.fingerprint}
                | {key: value for key, value in row_of(one).items() if key not in {"source", "fingerprint"}}
                for one in self._changed
            ]
            connection.execute(changes, rows)

    def _take(self, finding: Finding) -> None:
        self._count(finding)
        if finding.verdict is Verdict.UNKNOWN:
            return
        if finding.verdict is Verdict.FAIL:
            self._failed(finding, "open" if finding.waiver is None else "waived")
        elif (finding.rule, finding.pipeline, finding.node) in self._places:
            self._ended(finding, "fixed" if finding.verdict is Verdict.PASS else "gone")

    def _count(self, finding: Finding) -> None:
        if finding.verdict is Verdict.PASS:
            self.counts["passed"] += 1
        elif finding.waiver is not None:
            self.counts["waived"] += 1
        elif finding.verdict is Verdict.UNKNOWN:
            self.counts["unknown"] += 1
        elif finding.verdict is Verdict.FAIL:
            self.counts["failed"] += 1
            self.counts[finding.severity.value] += 1

    def _failed(self, finding: Finding, state: str) -> None:
        known = self._known.get(finding.fingerprint)
        now = self._now
        if known is None:
            self._made.append(_new(finding, self._source, state, now))
            self.events.append((finding.fingerprint, "new" if state == "open" else "waived"))
            return
        again = known.state in CLOSED
        if again or known.state != state:
            what = {"open": "returned" if again else "unwaived", "waived": "waived"}[state]
            self.events.append((finding.fingerprint, what))
        entry = _new(finding, self._source, state, now)
        self._changed.append(
            Entry(
                **{name: getattr(entry, name) for name in _LOOKS},
                state=state,
                first_seen=known.first_seen,
                last_seen=max(now, known.last_seen),
                opened_at=now if again else known.opened_at,
                closed_at="",
                times=known.times + again,
            )
        )

    def _ended(self, finding: Finding, state: str) -> None:
        known = self._known.get(finding.fingerprint)
        if known is None or known.state in CLOSED:
            return
        self.events.append((finding.fingerprint, state))
        self._changed.append(
            Entry(
                **{name: getattr(known, name) for name in (*_LOOKS, "first_seen", "last_seen", "opened_at", "times")},
                state=state,
                closed_at=self._now,
            )
        )


_LOOKS = ("fingerprint", "rule", "pipeline", "node", "resource", "account", "severity", "title", "source")


def _new(finding: Finding, source: str, state: str, now: str) -> Entry:
    return Entry(
        fingerprint=finding.fingerprint,
        rule=finding.rule,
        pipeline=finding.pipeline,
        node=finding.node,
        resource=finding.resource.arn or finding.resource.node.id,
        account=finding.resource.node.account.id,
        severity=finding.severity.value,
        title=finding.title,
        state=state,
        first_seen=now,
        last_seen=now,
        opened_at=now,
        closed_at="",
        times=1,
        source=source,
    )


def _ids(connection: Connection, source: str, fingerprints: Iterable[str]) -> dict[str, int]:
    from sqlalchemy import select

    from auditor.fleet.tables import FINDINGS

    wanted = set(fingerprints)
    if not wanted:
        return {}
    rows = connection.execute(select(FINDINGS.c.fingerprint, FINDINGS.c.id).where(FINDINGS.c.source == source))
    return {row.fingerprint: row.id for row in rows if row.fingerprint in wanted}


def forget(connection: Connection, now: str, days: int) -> None:
    """Delete the runs, and the closed findings, that are older than so many days."""
    from auditor.fleet.tables import EVENTS, FINDINGS, RUNS

    before = (moment(now) - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    old_runs = RUNS.c.started_at < before
    old_findings = FINDINGS.c.state.in_(sorted(CLOSED)) & (FINDINGS.c.closed_at < before)
    for column, table, old in ((EVENTS.c.run, RUNS, old_runs), (EVENTS.c.finding, FINDINGS, old_findings)):
        connection.execute(EVENTS.delete().where(column.in_(table.select().with_only_columns(table.c.id).where(old))))
        connection.execute(table.delete().where(old))
