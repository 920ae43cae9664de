"""Read pipelines from AWS: each facet of each resource once, many at a time; a refusal is knowledge, never an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import datetime, timezone
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from auditor.errors import Refused
from auditor.kinds import KINDS, Ask, Call, Target, resource, target_of
from auditor.kinds.documents import canonical
from auditor.model import Json, Pipeline, Snapshot, Unread

if TYPE_CHECKING:
    from auditor.aws import Aws

Needs = Mapping[str, Iterable[tuple[str, str]]]
Progress = Callable[[int, int], None]
_Key = tuple[object, ...]

# Asked by one reader only, with answers too large to keep for a second.
_NOT_KEPT = frozenset({"ListObjectVersions", "HeadObject", "ListMultipartUploads", "GetMetricData", "ListExports"})
# These have one endpoint, whatever Region they are asked from.
_GLOBAL = frozenset({"iam", "organizations"})
# Seconds: an interrupt is seen when the waiting thread looks up.
_GLANCE = 0.5
_INTERRUPTED = Unread("Interrupted", detail="The run was interrupted before this was read.")
# What readers raise when an answer lacks what AWS's model promises.
_MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError)


def read(
    pipelines: Iterable[Pipeline],
    needs: Needs,
    aws: Aws,
    *,
    concurrency: int = 32,
    deadline: float | None = None,
    progress: Progress | None = None,
    interrupted: Callable[[], bool] | None = None,
) -> Iterator[Snapshot]:
    """Yield each pipeline's snapshot in the given order, as soon as all its facets are read.

    `needs` names the (node, facet) pairs wanted of each pipeline. What pipelines share is read once. After `deadline`
    seconds, or once `interrupted()` is true (it is asked at least twice a second), what is still open is left unread
    (`Timeout`, `Interrupted`). `progress(done, total)` is told of every facet. Nothing that AWS answers, or fails to
    answer, raises.
    """
    listed = tuple(pipelines)
    run = _Run(aws, listed, needs)
    run.start(concurrency)
    ends = None if deadline is None else time.monotonic() + deadline
    place = 0
    try:
        while place < len(listed):
            while not run.complete(listed[place]):
                run.wait(ends, progress)
                if interrupted is not None and interrupted():
                    run.give_up(_INTERRUPTED)
            yield run.snapshot(listed[place])
            place += 1
    finally:
        run.over.set()
    for pipeline in listed[place:]:
        yield run.snapshot(pipeline)


@dataclass(frozen=True, slots=True)
class _Task:
    """One facet of one resource, whoever wants it."""

    key: _Key
    target: Target
    facet: str


class _Run:
    """What one run has asked, and what it knows so far."""

    def __init__(self, aws: Aws, pipelines: tuple[Pipeline, ...], needs: Needs) -> None:
        self.over = threading.Event()
        self._aws = aws
        self._taken_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._memo = _Memo()
        self._done: SimpleQueue[tuple[_Key, Json | Unread | BaseException]] = SimpleQueue()
        self._known: dict[_Key, Json | Unread] = {}
        self._left_open = Unread("Timeout", detail="The time for this run was over before this was read.")
        self._wanted: dict[str, dict[tuple[str, str], _Key]] = {}
        self._tasks: dict[_Key, _Task] = {}
        for pipeline in pipelines:
            tasks = {pair: task for pair in sorted(needs.get(pipeline.name, ())) if (task := _task(pipeline, pair))}
            self._wanted[pipeline.name] = {pair: task.key for pair, task in tasks.items()}
            self._tasks |= {task.key: task for task in tasks.values()}

    def start(self, concurrency: int) -> None:
        """Begin to read; the threads end with the tasks, with the run, or with the program."""
        queue: SimpleQueue[_Task] = SimpleQueue()
        for task in self._tasks.values():
            queue.put(task)
        for _ in range(min(concurrency, len(self._tasks))):
            threading.Thread(target=self._work, args=(queue,), daemon=True).start()

    def complete(self, pipeline: Pipeline) -> bool:
        """Tell whether all that is wanted of a pipeline is known, or will never be."""
        return self.over.is_set() or all(key in self._known for key in self._wanted[pipeline.name].values())

    def wait(self, ends: float | None, progress: Progress | None) -> None:
        """Take in one result, if there is one soon; when the time is over, give up what is still open."""
        left = _GLANCE if ends is None else min(_GLANCE, max(0.0, ends - time.monotonic()))
        try:
            key, value = self._done.get(timeout=left)
        except Empty:
            if ends is not None and time.monotonic() >= ends:
                self.over.set()
            return
        if isinstance(value, BaseException):
            raise value
        self._known[key] = value
        if progress is not None:
            progress(len(self._known), len(self._tasks))

    def give_up(self, reason: Unread) -> None:
        """Leave all that is still open unread for this reason."""
        self._left_open = reason
        self.over.set()

    def snapshot(self, pipeline: Pipeline) -> Snapshot:
        """Return what is known of a pipeline now."""
        known: dict[str, dict[str, Json]] = {name: {} for name in pipeline.nodes}
        unread: dict[str, dict[str, Unread]] = {name: {} for name in pipeline.nodes}
        for (node, facet), key in self._wanted[pipeline.name].items():
            value = self._known.get(key, self._left_open)
            (unread if isinstance(value, Unread) else known)[node][facet] = value
        resources = {
            name: resource(node, known[name], unread[name], pipeline=pipeline) for name, node in pipeline.nodes.items()
        }
        return Snapshot(pipeline, resources, "live", self._taken_at)

    def _work(self, queue: SimpleQueue[_Task]) -> None:
        while not self.over.is_set():
            try:
                task = queue.get_nowait()
            except Empty:
                return
            self._done.put((task.key, self._read(task)))

    def _read(self, task: _Task) -> Json | Unread | BaseException:
        target = task.target
        if not target.id:
            return Unread("NotDeclared", detail="The pipeline declares only where a template has it, and no name.")
        try:
            return KINDS[target.kind].facets[task.facet].read(self._ask(target), target)
        except Refused as refusal:
            return Unread(refusal.reason, refusal.permission, refusal.words)
        except _MALFORMED as error:
            return Unread("Malformed", detail=f"The answer makes no sense ({type(error).__name__}: {error}).")
        except BaseException as error:  # noqa: BLE001 - a fault of the program, raised where the run is waited for
            return error

    def _ask(self, target: Target) -> Ask:
        ask = self._aws.ask(target.account, target.region)

        def once(call: Call) -> Json:
            if self.over.is_set():
                raise Refused(self._left_open.reason, self._left_open.detail)
            if call.operation in _NOT_KEPT:
                return ask(call)
            region = "" if call.service in _GLOBAL else call.region or target.region
            key = (*_whose(target), call.service, region, call.operation, canonical(dict(call.params)))
            return self._memo.once(key, lambda: ask(call))

        return once


class _Memo:
    """Answers by question; who asks while the same question is under way waits for its answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._answers: dict[_Key, Future[Json]] = {}

    def once(self, key: _Key, make: Callable[[], Json]) -> Json:
        """Return the answer to a question, asked when it is new; raises the same `Refused` to everyone who asks."""
        with self._lock:
            future = self._answers.get(key)
            mine = future is None
            if future is None:
                future = self._answers[key] = Future()
        if mine:
            try:
                future.set_result(make())
            except BaseException as error:  # noqa: BLE001 - passed on to everyone who waits for it
                future.set_exception(error)
        said = future.exception()
        if isinstance(said, Refused):
            raise Refused(said.reason, said.words, said.permission, attempts=said.attempts)
        return future.result()


def _task(pipeline: Pipeline, pair: tuple[str, str]) -> _Task | None:
    name, facet = pair
    node = pipeline.nodes.get(name)
    if node is None or facet not in KINDS[node.kind].facets:
        return None
    target = target_of(node, pipeline)
    settings = tuple(sorted(target.settings.items()))
    return _Task((*_whose(target), target.kind, target.region, target.id, settings, facet), target, facet)


def _whose(target: Target) -> _Key:
    account = target.account
    return (account.id, account.profile, account.assume_role, account.external_id)
