"""The tables of the history, and the steps from each version of them to the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sqlalchemy import (
    Column,
    Connection,
    Float,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    inspect,
    select,
    text,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from auditor.errors import UsageError

VERSION = 2
"""The version of the tables that this program reads and writes."""

_META = MetaData()

SCHEMA = Table(
    "auditor_schema", _META, Column("id", Integer, primary_key=True), Column("version", Integer, nullable=False)
)

LOCK = Table("auditor_lock", _META, Column("id", Integer, primary_key=True), Column("turn", Integer, nullable=False))
"""One row: who counts it up has the history to itself until the transaction ends, on every database."""

RUNS = Table(
    "auditor_runs",
    _META,
    Column("id", Integer, primary_key=True),
    Column("name", String(40), nullable=False, unique=True),
    Column("source", String(400), nullable=False),
    Column("started_at", String(20), nullable=False, index=True),
    Column("version", String(40), nullable=False),
    *(
        Column(name, Integer, nullable=False, default=0)
        for name in ("pipelines", "rules", "declared", "answered", "passed", "unknown", "waived", "failed")
    ),
    *(Column(name, Integer, nullable=False, default=0) for name in ("critical", "high", "medium", "low", "info")),
    *(Column(name, Integer, nullable=False, default=0) for name in ("calls", "retries")),
    Column("seconds", Float, nullable=False, default=0.0),
    *(Column(name, Integer, nullable=False, server_default="0") for name in ("new", "returned", "fixed")),
)
"""One row a run. Times are ISO 8601 in UTC, which sort as text on every database."""

FINDINGS = Table(
    "auditor_findings",
    _META,
    Column("id", Integer, primary_key=True),
    Column("source", String(400), nullable=False),
    Column("fingerprint", String(32), nullable=False),
    Column("rule", String(200), nullable=False),
    Column("pipeline", String(400), nullable=False),
    Column("node", String(100), nullable=False),
    Column("resource", Text, nullable=False),
    Column("account", String(12), nullable=False),
    Column("severity", String(10), nullable=False),
    Column("title_en", Text, nullable=False),
    Column("title_ja", Text, nullable=False),
    Column("state", String(10), nullable=False, index=True),
    Column("first_seen", String(20), nullable=False),
    Column("last_seen", String(20), nullable=False),
    Column("opened_at", String(20), nullable=False, server_default=""),
    Column("closed_at", String(20), nullable=False, server_default=""),
    Column("times", Integer, nullable=False, server_default="1"),
    UniqueConstraint("source", "fingerprint"),
)
"""One row for everything that ever failed: `open`, `waived`, `fixed`, or `gone` when its rule no longer applies.

`opened_at` and `closed_at` are those of its latest spell, `times` how many spells there were.
"""

EVENTS = Table(
    "auditor_events",
    _META,
    Column("id", Integer, primary_key=True),
    Column("run", Integer, ForeignKey("auditor_runs.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("finding", Integer, ForeignKey("auditor_findings.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("what", String(10), nullable=False),
)
"""What a run changed: a finding `new`, `returned`, `fixed`, `gone`, `waived` or `unwaived`."""


def prepare(connection: Connection, *, to_write: bool) -> None:
    """Create the tables, or bring those of an older version to this one; to write, wait until nobody else does.

    Raises `UsageError` for a newer version.
    """
    fresh = not inspect(connection).has_table(SCHEMA.name)
    if fresh:
        _create(connection)
    version: int = connection.execute(select(SCHEMA.c.version)).scalar_one()
    if version > VERSION:
        raise UsageError(
            f"The history has version {version}, and this auditor knows {VERSION} at most.", "Upgrade auditor."
        )
    if to_write or fresh or version < VERSION:
        _turn(connection)
        # Another run may have done the steps while this one waited.
        version = connection.execute(select(SCHEMA.c.version)).scalar_one()
    for step in range(version, VERSION):
        _STEPS[step](connection)
        connection.execute(SCHEMA.update().values(version=step + 1))


def _create(connection: Connection) -> None:
    for table in _META.sorted_tables:
        connection.execute(CreateTable(table, if_not_exists=True))
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            connection.execute(CreateIndex(index, if_not_exists=True))
    for table, values in ((SCHEMA, {"id": 1, "version": VERSION}), (LOCK, {"id": 1, "turn": 0})):
        if connection.execute(table.select()).first() is None:
            connection.execute(table.insert().values(**values))


def _turn(connection: Connection) -> None:
    """Wait until nobody else writes: the row stays locked until this transaction ends."""
    connection.execute(LOCK.update().values(turn=LOCK.c.turn + 1))


def _from_1_to_2(connection: Connection) -> None:
    """Version 1 knew when a finding was first and last seen, and not how often it came back."""
    for column in ("opened_at", "closed_at"):
        connection.execute(text(f"ALTER TABLE auditor_findings ADD COLUMN {column} VARCHAR(20) NOT NULL DEFAULT ''"))
    connection.execute(text("ALTER TABLE auditor_findings ADD COLUMN times INTEGER NOT NULL DEFAULT 1"))
    for column in ("new", "returned", "fixed"):
        connection.execute(text(f"ALTER TABLE auditor_runs ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0"))
    connection.execute(text("UPDATE auditor_findings SET opened_at = first_seen"))
    connection.execute(text("UPDATE auditor_findings SET closed_at = last_seen WHERE state IN ('fixed', 'gone')"))
    connection.execute(CreateTable(EVENTS, if_not_exists=True))
    for index in EVENTS.indexes:
        connection.execute(CreateIndex(index, if_not_exists=True))


_STEPS: Mapping[int, Callable[[Connection], None]] = MappingProxyType({1: _from_1_to_2})
