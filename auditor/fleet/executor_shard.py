"""A shard of a fleet: what a worker is sent, what it reads with its own credentials, and what it sends back."""

from __future__ import annotations

import copyreg
import io
import pickle  # what Dask itself would pickle  # nosec B403
import zlib
from collections import ChainMap, Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Protocol

from auditor.kinds import KINDS
from auditor.model import Json, Pipeline, Snapshot, Unread, Usage
from auditor.sources import live
from auditor.version import __version__

Needs = Mapping[str, Iterable[tuple[str, str]]]
Read = Mapping[str, tuple[Mapping[str, Json], Mapping[str, Unread]]]
"""Of one pipeline, by node: the facets that were read, and why the others were not."""

Answer = tuple[str, Sequence[bytes], int, int]
"""The worker's version; the packed `Read` of each pipeline of the shard, in order; calls; retries."""


class Stop(Protocol):
    """How a worker learns that it shall end: it travels with the shard, so it can be pickled."""

    def watch(self) -> AbstractContextManager[Callable[[], bool]]:
        """Return a context in which a worker may ask whether it shall end, as often as it likes."""


@dataclass(frozen=True, slots=True)
class Shard:
    """What one worker reads: of the pipelines at these places, the facets of the nodes in some accounts."""

    accounts: tuple[str, ...]
    places: tuple[int, ...]
    pipelines: tuple[Pipeline, ...]
    needs: Mapping[str, tuple[tuple[str, str], ...]]

    @property
    def weight(self) -> int:
        """Return how many facets are wanted, those of a shared resource once for each pipeline."""
        return sum(map(len, self.needs.values()))

    def unread(self, why: Unread) -> Sequence[Read]:
        """Return for each pipeline that nothing of it was read."""
        nothing: list[Read] = []
        for one in self.pipelines:
            open_facets: dict[str, dict[str, Unread]] = {}
            for node, facet in self.needs[one.name]:
                open_facets.setdefault(node, {})[facet] = why
            nothing.append({node: ({}, unread) for node, unread in open_facets.items()})
        return nothing


def cut(pipelines: Sequence[Pipeline], needs: Needs, at_most: int) -> tuple[Shard, ...]:
    """Return the shards of a fleet, at most so many, the largest first.

    All that is wanted of one account is in one shard, so that one worker alone spends the account's rate limits, each
    call is made once, and the pipelines of an account share what is read. Accounts are put together until no more than
    `at_most` shards are left, evenly by the number of facets.
    """
    wanted = {one.name: _known(one, needs.get(one.name, ())) for one in pipelines}
    weights: Counter[str] = Counter()
    for one in pipelines:
        weights.update(one.nodes[node].account.id for node, _ in wanted[one.name])
    loads: list[tuple[int, list[str]]] = [(0, []) for _ in range(min(at_most, len(weights)))]
    for account, weight in sorted(weights.items(), key=lambda item: (-item[1], item[0])):
        least = min(range(len(loads)), key=lambda place: loads[place][0])
        loads[least] = (loads[least][0] + weight, [*loads[least][1], account])
    home = {account: index for index, (_, accounts) in enumerate(loads) for account in accounts}
    parts: list[dict[int, list[tuple[str, str]]]] = [{} for _ in loads]
    for place, one in enumerate(pipelines):
        for node, facet in wanted[one.name]:
            parts[home[one.nodes[node].account.id]].setdefault(place, []).append((node, facet))
    return tuple(
        Shard(
            tuple(sorted(accounts)),
            tuple(part),
            tuple(pipelines[place] for place in part),
            {pipelines[place].name: tuple(pairs) for place, pairs in part.items()},
        )
        for (_, accounts), part in zip(loads, parts, strict=True)
    )


def _known(pipeline: Pipeline, pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    nodes = pipeline.nodes
    return [(node, facet) for node, facet in sorted(pairs) if node in nodes and facet in KINDS[nodes[node].kind].facets]


def order(shard: Shard, concurrency: int, stop: Stop) -> dict[str, str | bytes]:
    """Return what a worker is sent: what to read, and how its accounts are entered as the pipeline file says.

    No credentials are in it, and neither are waivers: judging is not the worker's work.
    """
    pipelines = [replace(one, waivers=()) for one in shard.pipelines]
    return {"version": __version__, "sent": packed((pipelines, shard.needs, concurrency, stop))}


# A Dask worker that is sent something it cannot import breaks its connection, and the task is never heard of again. So it
# gets words and bytes, which every Python knows, and imports when it works: then it can say what is missing.
ENTRY = f"__import__({__name__!r}, fromlist=['read_shard']).read_shard(version, sent)"
"""What a worker evaluates, with an order's values."""


def read_shard(version: str, sent: bytes) -> Answer:
    """Read a shard in this process, with the credentials that its own environment gives it.

    A worker of another version than the run's reads nothing, for it might mean something else by what it sends.
    """
    if version != __version__:
        return __version__, (), 0, 0
    from auditor.aws import Aws

    pipelines, needs, concurrency, stop = unpacked(sent)
    with stop.watch() as stopped, Aws(concurrency=concurrency) as aws:
        snapshots = live.read(pipelines, needs, aws, concurrency=concurrency, interrupted=stopped)
        parts = [packed(_read(one, needs)) for one in snapshots]
        usage: Usage = aws.usage()
    return __version__, parts, usage.calls, usage.retries


def _read(snapshot: Snapshot, needs: Needs) -> Read:
    nodes = sorted({node for node, _ in needs[snapshot.pipeline.name]})
    return {node: (dict(found.facets), dict(found.unread)) for node in nodes for found in [snapshot.resources[node]]}


def packed(value: Any) -> bytes:
    """Return a value of ours as few bytes."""
    stream = io.BytesIO()
    pickler = pickle.Pickler(stream, pickle.HIGHEST_PROTOCOL)
    # A read-only view cannot be pickled by itself; what it shows can.
    pickler.dispatch_table = ChainMap({MappingProxyType: _shown}, copyreg.dispatch_table)  # type: ignore[arg-type]
    pickler.dump(value)
    return zlib.compress(stream.getvalue(), 1)


def _shown(view: MappingProxyType[Any, Any]) -> tuple[Any, ...]:
    return _view, (dict(view),)


def _view(shown: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    # By this name, for the type's own is not that of any module.
    return MappingProxyType(shown)


def unpacked(sent: bytes) -> Any:
    """Return the value; only for what a run and its own workers have packed."""
    return pickle.loads(zlib.decompress(sent))  # noqa: S301 - Dask itself trusts who may reach its scheduler  # nosec B301
