"""What earlier runs found: recorded by finding, so that new, fixed, returned and since when can be told."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

from auditor.errors import Text, UsageError
from auditor.fleet.database import default_url, engine_of, exists
from auditor.fleet.entries import CLOSED, Entry, News, Run, entry_of, order, run_of
from auditor.fleet.recording import forget, recorded
from auditor.model import Past, Report

if TYPE_CHECKING:
    from sqlalchemy import Connection

KEPT_DAYS = 400
"""How long runs, and findings that are closed, are kept: a little over a year."""

__all__ = ["KEPT_DAYS", "Entry", "History", "News", "Run", "default_url", "exists"]

_TRIES = 6
_UNUSABLE = Text(
    "The history at {} cannot be used: {}. Check --history, or leave it out with --no-history.",
    "{} の履歴を使用できません（{}）。--history を確認するか、--no-history で記録を省略してください。",
)


class History:
    """An open history; a context manager that closes it. Every method raises `UsageError` when the database fails."""

    def __init__(self, url: str) -> None:
        self._engine = engine_of(url)
        # An option of the URL may be a password too (`?password=…`, `?sslpassword=…`).
        self._shown = self._engine.url.set(query={}).render_as_string(hide_password=True)

    def __enter__(self) -> History:  # noqa: PYI034 - History has no subclasses
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._engine.dispose()

    def record(self, report: Report, *, kept_days: int = KEPT_DAYS) -> News:
        """Record a run and return what it changed; what is older than `kept_days` days is forgotten.

        A finding is fixed when its rule passes, and gone when its rule no longer applies: what was not judged, or could
        not be read, stays as it was.
        """
        with self._open(to_write=True) as connection:
            news = recorded(connection, report)
            forget(connection, report.started_at, kept_days)
        return news

    def runs(self, *, since: str = "", limit: int = 1000) -> tuple[Run, ...]:
        """Return the runs that started at or after `since`, newest first."""
        from auditor.fleet.tables import RUNS

        query = RUNS.select().where(RUNS.c.started_at >= since).order_by(RUNS.c.started_at.desc(), RUNS.c.id.desc())
        with self._open(to_write=False) as connection:
            rows = connection.execute(query.limit(limit)).mappings().all()
        return tuple(run_of(row) for row in rows)

    def findings(self, *, since: str = "", pipeline: str | None = None) -> tuple[Entry, ...]:
        """Return what is open, and what was seen or closed at or after `since`: open first, then by severity and age."""
        from auditor.fleet.tables import FINDINGS

        query = FINDINGS.select()
        if pipeline is not None:
            query = query.where(FINDINGS.c.pipeline == pipeline)
        with self._open(to_write=False) as connection:
            rows = [entry_of(row) for row in connection.execute(query).mappings()]
        kept = (one for one in rows if one.state not in CLOSED or max(one.last_seen, one.closed_at) >= since)
        return tuple(sorted(kept, key=order))

    def trend(self, source: str, *, like: Report | None = None, limit: int = 90) -> tuple[Past, ...]:
        """Return the last runs of a source, oldest first, as a report shows them.

        With `like`, those only that judged about as many pipelines by about as many rules (more than half, less than twice):
        somebody's look at one pipeline of a fleet is no good night.
        """
        from auditor.fleet.tables import RUNS

        query = RUNS.select().where(RUNS.c.source == source[:400])
        if like is not None:
            for column, count in ((RUNS.c.pipelines, len(like.snapshots)), (RUNS.c.rules, len(like.rules))):
                query = query.where((column == count) | ((column * 2 > count) & (column < count * 2)))
        query = query.order_by(RUNS.c.started_at.desc(), RUNS.c.id.desc()).limit(limit)
        with self._open(to_write=False) as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(
            Past(row["started_at"], row["failed"], row["unknown"], row["new"] + row["returned"], row["fixed"])
            for row in reversed(rows)
        )

    @contextmanager
    def _open(self, *, to_write: bool) -> Iterator[Connection]:
        """Yield a transaction; one that writes has the history to itself, and a first one makes the tables."""
        from auditor.fleet.tables import prepare

        for attempt in range(_TRIES):
            try:
                with self._engine.begin() as connection:
                    prepare(connection, to_write=False)
                break
            except UsageError:
                raise
            except Exception as error:  # noqa: BLE001 - drivers raise what they like, and another run may be making the tables
                if attempt + 1 == _TRIES:
                    raise self._failed(error) from None
                time.sleep(0.05 * 2**attempt)
        try:
            with self._engine.begin() as connection:
                prepare(connection, to_write=to_write)
                yield connection
        except UsageError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the report must not be lost
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> UsageError:
        lines = str(getattr(error, "orig", None) or error).strip().splitlines()
        said = lines[0] if lines else type(error).__name__
        url = self._engine.url
        options = (url.query[name] for name in url.query if "pass" in name.lower())
        for secret in (url.password, *options):
            said = said.replace(str(secret), "***") if secret else said
        return UsageError(_UNUSABLE.fill(self._shown, said.rstrip(".")))
