"""Read pipelines from AWS: each facet of each resource once, many at a time; a refusal is knowledge, never an error."""

from __future__ import annotations

import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from auditor.errors import Refused
from auditor.kinds import KINDS, Ask, Call, Target, resource, target_of
from auditor.kinds.documents import canonical
from auditor.kinds.facet import way_in
from auditor.model import Account, Json, Pipeline, Resource, Snapshot, Text, Unread
from auditor.sources import bulk
from auditor.sources.memo import Key, Memo
from auditor.sources.survey import Needs, Survey, about_of, bare_name, by_node

if TYPE_CHECKING:
    from auditor.aws import Aws

Progress = Callable[[int, int], None]

# Asked by one reader only, with answers too large to keep for a second.
_NOT_KEPT = frozenset({"ListObjectVersions", "HeadObject", "ListMultipartUploads", "GetMetricData", "ListExports"})
# These have one endpoint, whatever Region they are asked from.
_GLOBAL = frozenset({"iam", "organizations"})
# Facets asked for ahead of their turn, for each reader.
_AHEAD = 8
_PARTS = re.compile("[/:]")
# Seconds: an interrupt is seen when the waiting thread looks up.
_GLANCE = 0.5
INTERRUPTED = Unread(
    "Interrupted", detail=Text("The run was interrupted before this was read.", "読み取る前に実行が中断されました。")
)
"""Why what an interrupted run left open is not known."""
OUT_OF_TIME = Unread(
    "Timeout",
    detail=Text("The time for this run was over before this was read.", "読み取る前に制限時間に達しました。"),
)
"""Why what a run left open at its deadline is not known."""
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
    answer, raises. What was read of a resource is forgotten with the last snapshot that it stands in, and only so many
    pipelines are read ahead as keep the readers busy: memory does not grow with the number of pipelines.
    """
    listed = tuple(pipelines)
    run = _Run(aws, listed, needs, concurrency)
    ends = None if deadline is None else time.monotonic() + deadline
    place = 0
    try:
        while place < len(listed):
            run.look_ahead()
            while not run.complete():
                run.wait(ends, progress)
                run.look_ahead()
                if interrupted is not None and interrupted():
                    run.give_up(INTERRUPTED)
            yield run.next_snapshot()
            place += 1
    finally:
        run.end()


@dataclass(slots=True)
class _Wanted:
    """A resource as some pipelines ask for it: the facets that were asked for, and those that are known."""

    target: Target
    about: Key
    asked: set[str] = field(default_factory=set)
    known: dict[str, Json | Unread] = field(default_factory=dict)


@dataclass(slots=True)
class _Plan:
    """A pipeline that is being read: the facets of each node, and what is still open of it (the last one first)."""

    pipeline: Pipeline
    parts: dict[str, tuple[_Wanted, tuple[str, ...]]]
    open: list[tuple[_Wanted, str]]


class _Run:
    """What one run has asked, and what it knows so far; only its readers are other threads."""

    def __init__(self, aws: Aws, pipelines: tuple[Pipeline, ...], needs: Needs, concurrency: int) -> None:
        self._aws = aws
        self._needs = needs
        self._concurrency = concurrency
        self._over = threading.Event()
        self._taken_at = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        self._left_open = OUT_OF_TIME
        self._memo = Memo()
        self._queue: SimpleQueue[tuple[_Wanted, str] | None] = SimpleQueue()
        self._done: SimpleQueue[tuple[_Wanted, str, Json | Unread | BaseException]] = SimpleQueue()
        self._ahead: deque[_Plan] = deque()
        self._coming = iter(pipelines)
        self._wanted: dict[Key, dict[Key, _Wanted]] = {}
        self._threads = self._asked = self._finished = 0
        survey = Survey(pipelines, needs)
        self._total, self._uses, self._nodes = survey.total, survey.uses, survey.nodes
        self._roles = {
            owner: bulk.Roles(aws.ask(account, account.region), names, calls)
            for owner, (account, names, calls) in survey.roles.items()
            if len(names) >= bulk.AT_LEAST
        }

    def look_ahead(self) -> None:
        """Ask for the facets of the next pipelines, as long as the readers have too little to do."""
        while not self._ahead or self._asked - self._finished < self._concurrency * _AHEAD:
            pipeline = next(self._coming, None)
            if pipeline is None:
                return
            self._ahead.append(self._planned(pipeline))

    def complete(self) -> bool:
        """Tell whether all that is wanted of the next pipeline is known, or will never be."""
        still_open = self._ahead[0].open
        while still_open and still_open[-1][1] in still_open[-1][0].known:
            still_open.pop()
        return not still_open or self._over.is_set()

    def wait(self, ends: float | None, progress: Progress | None) -> None:
        """Take in one result, if there is one soon; when the time is over, give up what is still open."""
        left = _GLANCE if ends is None else min(_GLANCE, max(0.0, ends - time.monotonic()))
        try:
            wanted, facet, value = self._done.get(timeout=left)
        except Empty:
            if ends is not None and time.monotonic() >= ends:
                self._over.set()
            return
        if isinstance(value, BaseException):
            raise value
        wanted.known[facet] = value
        self._finished += 1
        if progress is not None:
            progress(self._finished, self._total)

    def give_up(self, reason: Unread) -> None:
        """Leave all that is still open unread for this reason."""
        self._left_open = reason
        self._over.set()

    def end(self) -> None:
        """Let the readers end."""
        self._over.set()
        for _ in range(self._threads):
            self._queue.put(None)

    def next_snapshot(self) -> Snapshot:
        """Return what is known of the next pipeline now, and forget what no other pipeline wants."""
        plan = self._ahead.popleft()
        resources = {name: self._resource(plan, name) for name in plan.pipeline.nodes}
        for wanted, _ in plan.parts.values():
            key = hash(wanted.about)
            left = self._uses.pop(key, 1) - 1
            if left:
                self._uses[key] = left
            else:
                self._forget(wanted)
            account = wanted.target.account
            self._nodes[way_in(account)] -= 1
            if not self._nodes[way_in(account)] and not self._over.is_set():
                self._leave(account)
        return Snapshot(plan.pipeline, resources, "live", self._taken_at)

    def _resource(self, plan: _Plan, name: str) -> Resource:
        known: dict[str, Json] = {}
        unread: dict[str, Unread] = {}
        if name in plan.parts:
            wanted, facets = plan.parts[name]
            for facet in facets:
                value = wanted.known.get(facet, self._left_open)
                if isinstance(value, Unread):
                    unread[facet] = value
                else:
                    known[facet] = value
        return resource(plan.pipeline.nodes[name], known, unread, pipeline=plan.pipeline)

    def _forget(self, wanted: _Wanted) -> None:
        self._memo.forget(wanted.about)
        self._wanted.pop(wanted.about, None)
        roles = self._roles.get(way_in(wanted.target.account))
        if roles is not None and wanted.target.kind == "iam.role":
            roles.forget(bare_name(wanted.target))

    def _leave(self, account: Account) -> None:
        """Forget an account of which nothing more is wanted."""
        self._memo.forget(way_in(account))
        self._roles.pop(way_in(account), None)
        self._aws.leave(account)

    def _planned(self, pipeline: Pipeline) -> _Plan:
        plan = _Plan(pipeline, {}, [])
        for name, facets in by_node(pipeline, self._needs):
            target = target_of(pipeline.nodes[name], pipeline)
            about = about_of(target)
            settings = tuple(sorted(target.settings.items()))
            wanted = self._wanted.setdefault(about, {}).setdefault(settings, _Wanted(target, about))
            plan.parts[name] = (wanted, facets)
            plan.open += [(wanted, facet) for facet in facets]
            for facet in facets:
                if facet not in wanted.asked:
                    wanted.asked.add(facet)
                    self._ask_for(wanted, facet)
        return plan

    def _ask_for(self, wanted: _Wanted, facet: str) -> None:
        self._asked += 1
        self._queue.put((wanted, facet))
        if self._threads < self._concurrency:
            self._threads += 1
            threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while (task := self._queue.get()) is not None and not self._over.is_set():
            self._done.put((*task, self._read(*task)))

    def _read(self, wanted: _Wanted, facet: str) -> Json | Unread | BaseException:
        target = wanted.target
        if not target.id:
            return Unread(
                "NotDeclared",
                detail=Text(
                    "The pipeline declares only where a template has it, and no name.",
                    "パイプラインにはテンプレート上の場所だけが宣言され、名前がありません。",
                ),
            )
        try:
            return KINDS[target.kind].facets[facet].read(self._ask(wanted), target)
        except Refused as refusal:
            return Unread(refusal.reason, refusal.permission, refusal.words)
        except _MALFORMED as error:
            return Unread(
                "Malformed",
                detail=Text(
                    f"The answer makes no sense ({type(error).__name__}: {error}).",
                    f"応答を解釈できません（{type(error).__name__}: {error}）。",
                ),
            )
        except BaseException as error:  # noqa: BLE001 - a fault of the program, raised where the run is waited for
            return error

    def _ask(self, wanted: _Wanted) -> Ask:
        target = wanted.target
        ask = self._aws.ask(target.account, target.region)

        def once(call: Call) -> Json:
            if self._over.is_set():
                raise Refused(self._left_open.reason, self._left_open.detail)
            if call.operation in _NOT_KEPT:
                return ask(call)
            region = "" if call.service in _GLOBAL else call.region or target.region
            key = (*way_in(target.account), call.service, region, call.operation, canonical(dict(call.params)))
            about = wanted.about if _is_named(bare_name(target), call.params) else way_in(target.account)
            return self._memo.once(key, about, lambda: self._asked_once(ask, target, call))

        return once

    def _asked_once(self, ask: Ask, target: Target, call: Call) -> Json:
        if call.service == "iam" and call.operation in bulk.ANSWERED:
            roles = self._roles.get(way_in(target.account))
            said = None if roles is None else roles.answer(call)
            if said is not None:
                return said
        return ask(call)


def _is_named(name: str, value: Json) -> bool:
    """Tell whether a call's parameters name the resource somewhere, by itself or within an ARN."""
    if isinstance(value, str):
        return name in _PARTS.split(value)
    if isinstance(value, Mapping):
        return any(_is_named(name, part) for part in value.values())
    return isinstance(value, list | tuple) and any(_is_named(name, part) for part in value)
