"""Audits a fleet by several workers: shards by account on any executor of concurrent.futures, with one report as if by one.

The workers read, and this process judges: rules, waivers and baselines never travel, and the report is that of a run
without workers.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass
from datetime import datetime, timezone

from auditor.errors import UsageError
from auditor.fleet.executor_shard import ENTRY, Answer, Needs, Read, Shard, Stop, cut, order, unpacked
from auditor.kinds import resource
from auditor.model import Json, Pipeline, Snapshot, Text, Unread, Usage
from auditor.run import Progress, Settings
from auditor.sources.live import INTERRUPTED, OUT_OF_TIME
from auditor.version import __version__

# Seconds: an interrupt is seen when the waiting thread looks up.
_GLANCE = 0.5
# Seconds between two questions to the engine who is there.
_ROLL_CALL = 5.0
# Shards a worker, so that one that is done early takes over what is left.
_SHARDS_EACH = 4
NO_WORKERS = Unread(
    "WorkerLost",
    detail=Text("No worker was there to read the account.", "アカウントを読み取るワーカーがありませんでした。"),
)
"""Why what nobody came to read is not known."""


@dataclass(frozen=True, slots=True)
class Engine:
    """Who reads: an executor, how many shards it can read at once now, and how its workers are told to end.

    `lost(error)` says why something is not known after a failure that is the engine's and not the program's, a worker that
    died again and again, and `None` for any other failure. `workers()` is `None` when the engine does not answer.
    """

    name: str
    executor: Executor
    workers: Callable[[], int | None]
    stop: Stop
    end: Callable[[], None]
    lost: Callable[[BaseException], Unread | None]


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds: how long a run waits while there is no worker at all, and for the workers once it has told them to end."""

    no_workers: float = 300.0
    ending: float = 15.0


class Fleet:
    """Reads live accounts by the workers of an engine (an `auditor.run.Reader`)."""

    def __init__(self, engine: Engine, patience: Patience | None = None) -> None:
        self._engine = engine
        self._patience = patience or Patience()
        self._usage = Usage()

    def usage(self) -> Usage:
        """Return the calls that the workers made for what they sent back; `seconds` is 0."""
        return self._usage

    def read(
        self,
        pipelines: tuple[Pipeline, ...],
        needs: Needs,
        settings: Settings,
        progress: Progress | None = None,
        interrupted: Callable[[], bool] | None = None,
    ) -> Iterator[Snapshot]:
        """Yield each pipeline's snapshot in the given order, as one process would that reads all of them.

        What a worker that is lost had to read is read again by another; what none could read is unread (`WorkerLost`).
        Raises `UsageError` when the workers run another auditor, or none.
        """
        taken_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        gathering = _Gathering(self._engine, self._patience, pipelines, needs, settings)
        try:
            for place, pipeline in enumerate(pipelines):
                while not gathering.complete(place):
                    gathering.wait(progress, interrupted)
                yield _snapshot(pipeline, gathering.parts(place), taken_at)
        finally:
            gathering.end()
            self._usage = gathering.usage


def _snapshot(pipeline: Pipeline, parts: Sequence[Read], taken_at: str) -> Snapshot:
    read: dict[str, tuple[dict[str, Json], dict[str, Unread]]] = {name: ({}, {}) for name in pipeline.nodes}
    for part in parts:
        for name, (facets, unread) in part.items():
            read[name][0].update(facets)
            read[name][1].update(unread)
    resources = {name: resource(node, *read[name], pipeline=pipeline) for name, node in pipeline.nodes.items()}
    return Snapshot(pipeline, resources, "live", taken_at)


class _Gathering:
    """The shards of a run that are under way, and what has come back."""

    def __init__(
        self, engine: Engine, patience: Patience, pipelines: tuple[Pipeline, ...], needs: Needs, settings: Settings
    ) -> None:
        self._engine = engine
        self._patience = patience
        self._begun = self._seen = self._asked = time.monotonic()
        self._deadline = None if settings.timeout is None else self._begun + settings.timeout
        self._why: Unread | None = None
        self._until = float("inf")
        self.usage = Usage()
        self._parts: dict[int, list[bytes | Read]] = defaultdict(list)
        self._waited: dict[int, int] = defaultdict(int)
        shards = cut(pipelines, needs, (engine.workers() or len(pipelines)) * _SHARDS_EACH)
        self._done, self._total = 0, sum(shard.weight for shard in shards)
        self._pending: dict[Future[Answer], Shard] = {}
        for shard in shards:
            for place in shard.places:
                self._waited[place] += 1
            self._pending[engine.executor.submit(eval, ENTRY, order(shard, settings.concurrency, engine.stop))] = shard

    def complete(self, place: int) -> bool:
        """Tell whether all shards have come back that have a part of this pipeline."""
        return not self._waited[place]

    def parts(self, place: int) -> Sequence[Read]:
        """Return what was read of a pipeline, and forget it."""
        return [
            self._explained(unpacked(part) if isinstance(part, bytes) else part) for part in self._parts.pop(place, ())
        ]

    def wait(self, progress: Progress | None, interrupted: Callable[[], bool] | None) -> None:
        """Take in what comes back soon; see whether the run shall end, and whether anybody is there to read."""
        done, _ = wait(self._pending, timeout=_GLANCE, return_when=FIRST_COMPLETED)
        for future in done:
            shard = self._pending.pop(future)
            self._take(shard, future)
            self._done += shard.weight
            if progress is not None:
                progress(self._done, self._total)
        now = time.monotonic()
        if interrupted is not None and interrupted():
            self._give_up(INTERRUPTED, now)
        elif self._deadline is not None and now >= self._deadline:
            self._give_up(OUT_OF_TIME, now)
        elif not done and self._deserted(now):
            self._give_up(NO_WORKERS, now)
        if self._why is not None and now >= self._until:
            for shard in self._pending.values():
                self._keep(shard, shard.unread(self._why))
            self._abandon()

    def end(self) -> None:
        """Let the workers end, and forget what is still under way."""
        if self._pending:
            self._engine.end()
            self._abandon()

    def _abandon(self) -> None:
        for future in self._pending:
            future.cancel()
        self._pending.clear()

    def _deserted(self, now: float) -> bool:
        """Tell whether there has been no worker, or no answer from the engine, for longer than is waited for."""
        if now - self._asked >= _ROLL_CALL:
            self._asked = now
            if self._engine.workers():
                self._seen = now
        return now - self._seen >= self._patience.no_workers

    def _give_up(self, why: Unread, now: float) -> None:
        if self._why is None:
            # Where nobody reads, there is nobody to wait for.
            self._why, self._until = why, now + (self._patience.ending if self._engine.workers() else 0.0)
            self._engine.end()

    def _take(self, shard: Shard, future: Future[Answer]) -> None:
        try:
            version, parts, calls, retries = future.result()
        except ImportError as error:
            raise UsageError(
                f"The workers of {self._engine.name} cannot run auditor: {error}.",
                f"Install auditor {__version__} where they run.",
            ) from None
        except BaseException as error:
            why = self._engine.lost(error)
            if why is None:
                raise
            self._keep(shard, shard.unread(why))
            return
        if version != __version__:
            raise UsageError(
                f"The workers of {self._engine.name} run auditor {version}, and this is {__version__}.",
                "Install the same version on both sides.",
            )
        self.usage = Usage(self.usage.calls + calls, self.usage.retries + retries)
        self._keep(shard, parts)

    def _keep(self, shard: Shard, parts: Sequence[bytes | Read]) -> None:
        for place, part in zip(shard.places, parts, strict=True):
            self._parts[place].append(part)
            self._waited[place] -= 1

    def _explained(self, part: Read) -> Read:
        """Return what was read with this run's own reason for what its workers left open when they were told to end."""
        why = self._why
        if why is None:
            return part
        return {
            node: (facets, {facet: why if left == INTERRUPTED else left for facet, left in unread.items()})
            for node, (facets, unread) in part.items()
        }
