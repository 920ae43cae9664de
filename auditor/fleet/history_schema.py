"""The tables of the history, and the steps that bring an older one up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
    text,
    update,
)

from auditor.errors import UsageError

CURRENT = 2
_LOCK = 0x61756469  # an arbitrary number that only this program's transactions ask PostgreSQL for

metadata = MetaData()
versions = Table("auditor_version", metadata, Column("version", Integer, nullable=False))
runs = Table(
    "auditor_runs",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("started_at", String(32), nullable=False),
    Column("source", String(32), nullable=False),
    Column("version", String(32), nullable=False),
    *(
        Column(name, Integer, nullable=False)
        for name in (
            "pipelines",
            "declared",
            "read",
            "failed",
            "unknown",
            "waived",
            "known",
            "passed",
            "not_applicable",
            "new",
            "returned",
            "fixed",
            "calls",
            "retries",
        )
    ),
    Column("seconds", Float, nullable=False),
    Index("auditor_runs_started", "started_at"),
)
findings = Table(
    "auditor_findings",
    metadata,
    Column("source", String(32), primary_key=True),
    Column("fingerprint", String(32), primary_key=True),
    Column("rule", String(255), nullable=False),
    Column("pipeline", String(255), nullable=False),
    Column("node", String(255), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("first_seen", String(32)),
    Column("last_seen", String(32)),
    Column("opened_at", String(32)),
    Column("fixed_at", String(32)),
    Column("recurred", Integer, nullable=False),
    Column("last_judged", String(32), nullable=False),
)
states = Table(
    "auditor_states",
    metadata,
    Column("run", Integer, ForeignKey("auditor_runs.id", ondelete="CASCADE"), primary_key=True),
    Column("fingerprint", String(32), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("event", String(16), nullable=False),
)


def prepare(connection: Connection, shown: str) -> None:
    """Make the tables, or bring an older history up to date, inside the connection's transaction.

    Raises `UsageError` for a history that a newer version of auditor wrote; `shown` is its URL without secrets.
    """
    _alone(connection)
    if not inspect(connection).has_table(versions.name):
        metadata.create_all(connection)
        connection.execute(insert(versions).values(version=CURRENT))
        return
    found = connection.execute(select(func.max(versions.c.version))).scalar() or 0
    if found > CURRENT:
        raise UsageError(
            f"The history {shown} is of version {found}, and this auditor knows versions up to {CURRENT}.",
            "Use the newer auditor that wrote it, or name another history.",
        )
    if found < CURRENT:
        for step in range(found, CURRENT):
            _STEPS[step](connection)
        connection.execute(update(versions).values(version=CURRENT))


def _alone(connection: Connection) -> None:
    """Make two runs wait for each other; SQLite's BEGIN IMMEDIATE has done so already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def _opened_at(connection: Connection) -> None:
    """Version 1 could not tell when a finding that returned was opened again, so it could not tell the time to fix."""
    connection.execute(text("ALTER TABLE auditor_findings ADD COLUMN opened_at VARCHAR(32)"))
    connection.execute(update(findings).values(opened_at=findings.c.first_seen))


_STEPS: Mapping[int, Callable[[Connection], None]] = MappingProxyType({1: _opened_at})
"""From which version each step leads to the next one."""
