"""Findings of thousands of pipelines in little memory: packed pipeline by pipeline, and made again when they are looked at."""

from __future__ import annotations

import pickle  # of what this process made itself  # nosec B403
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import Any

from auditor.model import Finding, Pipeline, Resource, Snapshot

_OWN = ("pipeline", "resource", "evidence", "waiver", "known")
"""What findings of one rule at one node, with one verdict, do not share over all pipelines."""

_WINDOW = 32 * 1024
"""As far as zlib looks back."""

_SHARED = tuple(each.name for each in fields(Finding) if each.name not in _OWN)


class Shelf:
    """Where a run puts what it has judged; documents that were read are not kept, and neither is their origin."""

    def __init__(self) -> None:
        self._pool: list[tuple[Any, ...]] = []
        self._places: dict[tuple[Any, ...], int] = {}
        self._packed: list[tuple[Pipeline, bytes]] = []
        self._alike: dict[tuple[Any, ...], list[Any]] = {}
        self._count = 0
        # Pipelines are much alike: what the first one says is the dictionary of all others.
        self._first = b""

    def add(self, snapshot: Snapshot, findings: Iterable[Finding]) -> None:
        """Keep the findings about one snapshot, in the order of their identity."""
        ordered = sorted(findings, key=lambda one: (one.rule, one.node, one.fingerprint))
        rows = [self._row(one) for one in ordered]
        arns = {name: resource.arn for name, resource in snapshot.resources.items() if resource.arn}
        told = (rows, arns, tuple(snapshot.resources), snapshot.source, snapshot.taken_at)
        self._packed.append((snapshot.pipeline, self._pressed(pickle.dumps(told, pickle.HIGHEST_PROTOCOL))))
        self._count += len(rows)

    def snapshots(self) -> Sequence[Snapshot]:
        """Return the snapshots without their documents, in the order in which they came."""
        return _Snapshots(self, range(len(self._packed)))

    def findings(self) -> Sequence[Finding]:
        """Return the findings by pipeline and identity, as the formats for programs want them."""
        order = sorted(range(len(self._packed)), key=lambda place: self._packed[place][0].name)
        return _Findings(self, order, self._count, [(one, count) for one, count in self._alike.values()])

    def _pressed(self, told: bytes) -> bytes:
        self._first = self._first or told[-_WINDOW:]
        press = zlib.compressobj(level=1, zdict=self._first)
        return press.compress(told) + press.flush()

    def _pressed_out(self, packed: bytes) -> bytes:
        return zlib.decompressobj(zdict=self._first).decompress(packed)

    def _row(self, finding: Finding) -> Any:
        shared = tuple(getattr(finding, name) for name in _SHARED)
        place = self._places.get(shared)
        if place is None:
            place = self._places[shared] = len(self._pool)
            self._pool.append(shared)
        alike = self._alike.get((place, finding.waiver, finding.known))
        if alike is None:
            bare = replace(finding, evidence=(), resource=Resource(finding.resource.node))
            alike = self._alike[place, finding.waiver, finding.known] = [bare, 0]
        alike[1] += 1
        if finding.evidence or finding.waiver is not None or finding.known:
            return (place, finding.evidence, finding.waiver, finding.known)
        return place

    def unpacked(self, place: int) -> tuple[Snapshot, list[Finding]]:
        """Return a snapshot without its documents, and the findings about it."""
        pipeline, packed = self._packed[place]
        # Only what this process has packed itself is ever unpacked.
        rows, arns, names, source, taken_at = pickle.loads(self._pressed_out(packed))  # noqa: S301  # nosec B301
        resources = {
            name: Resource(pipeline.nodes[name], attributes={"Arn": arns[name]} if name in arns else {})
            for name in names
        }
        findings = [self._finding(row, pipeline.name, resources) for row in rows]
        return Snapshot(pipeline, resources, source, taken_at), findings

    def _finding(self, row: Any, pipeline: str, resources: dict[str, Resource]) -> Finding:
        place, evidence, waiver, known = row if isinstance(row, tuple) else (row, (), None, False)
        shared = dict(zip(_SHARED, self._pool[place], strict=True))
        return Finding(
            pipeline=pipeline,
            resource=resources[shared["node"]],
            evidence=evidence,
            waiver=waiver,
            known=known,
            **shared,
        )


class _Snapshots(Sequence[Snapshot]):
    """The snapshots of a shelf."""

    def __init__(self, shelf: Shelf, places: Sequence[int]) -> None:
        self._shelf = shelf
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self._shelf.unpacked(place)[0] for place in self._places[index])
        return self._shelf.unpacked(self._places[index])[0]


class _Findings(Sequence[Finding]):
    """The findings of a shelf; going through them all unpacks one pipeline at a time."""

    in_order = True
    """They come as `by_identity` would sort them, so that nobody needs to hold them all to do so."""

    def __init__(self, shelf: Shelf, order: Sequence[int], count: int, alike: Sequence[tuple[Finding, int]]) -> None:
        self._shelf = shelf
        self._order = order
        self._count = count
        self.alike = alike
        """What is counted: of findings that differ in pipeline and evidence alone one, with how many there are."""

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Finding]:
        for place in self._order:
            yield from self._shelf.unpacked(place)[1]

    def __getitem__(self, index: Any) -> Any:
        # Sequences are asked by index now and then (the first one); a run over all of them never is.
        return tuple(self)[index]
