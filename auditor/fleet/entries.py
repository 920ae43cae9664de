"""What the history knows: findings with their spells, runs with their counts, and what one run changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from auditor.errors import Text

if TYPE_CHECKING:
    from sqlalchemy import RowMapping

CLOSED = frozenset({"fixed", "gone"})
"""The states of a finding that no longer counts."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the history knows of one finding; times are ISO 8601 in UTC, `closed_at` empty while it is open.

    `state` is `open`, `waived`, `fixed`, or `gone` when its rule no longer applies; `times` counts how often it opened.
    """

    fingerprint: str
    rule: str
    pipeline: str
    node: str
    resource: str
    account: str
    severity: str
    title: Text
    state: str
    first_seen: str
    last_seen: str
    opened_at: str
    closed_at: str
    times: int
    source: str = "live"

    @property
    def time_to_fix(self) -> timedelta | None:
        """Return how long its latest spell was open, when that was ended by a fix."""
        if self.state != "fixed" or not self.closed_at or not self.opened_at:
            return None
        return moment(self.closed_at) - moment(self.opened_at)


@dataclass(frozen=True, slots=True)
class Run:
    """One recorded run: its counts, and how many findings were new, returned and fixed in it."""

    name: str
    source: str
    started_at: str
    version: str
    counts: Mapping[str, int]
    seconds: float


@dataclass(frozen=True, slots=True)
class News:
    """What one run changed: findings by what became of them, and whether it was the first run of its source."""

    new: tuple[Entry, ...] = ()
    returned: tuple[Entry, ...] = ()
    fixed: tuple[Entry, ...] = ()
    first: bool = False


def run_of(row: RowMapping) -> Run:
    """Return the run of a row."""
    words = {"id", "name", "source", "started_at", "version", "seconds"}
    counts = {key: value for key, value in dict(row).items() if key not in words}
    return Run(row["name"], row["source"], row["started_at"], row["version"], counts, row["seconds"])


def entry_of(row: RowMapping) -> Entry:
    """Return the finding of a row."""
    kept = {key: value for key, value in dict(row).items() if key not in {"id", "title_en", "title_ja"}}
    return Entry(**kept, title=Text(row["title_en"], row["title_ja"]))


def row_of(entry: Entry) -> dict[str, Any]:
    """Return the row of a finding, without its id."""
    kept = {name: getattr(entry, name) for name in Entry.__slots__ if name != "title"}
    return {**kept, "title_en": entry.title.en, "title_ja": entry.title.ja}


def order(entry: Entry) -> tuple[object, ...]:
    """Return what entries are sorted by: open first, then by severity and age."""
    ranks = ("critical", "high", "medium", "low", "info")
    states = ("open", "waived", "fixed", "gone")
    rank = ranks.index(entry.severity) if entry.severity in ranks else len(ranks)
    return (states.index(entry.state), rank, entry.opened_at, entry.pipeline, entry.rule, entry.node, entry.fingerprint)


def moment(text: str) -> datetime:
    """Return the time that a column says."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)
