"""Findings of thousands of pipelines in little memory: packed pipeline by pipeline, and made again when they are looked at."""

from __future__ import annotations

import io
import pickle  # of what this process made itself  # nosec B403
import tempfile
import weakref
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields, replace
from typing import IO, Any

from auditor.model import Finding, Pipeline, Resource, Snapshot

_OWN = ("pipeline", "resource", "evidence", "waiver", "known")
"""What findings of one rule at one node, with one verdict, do not share over all pipelines."""

_WINDOW = 32 * 1024
"""As far as zlib looks back."""

_IN_MEMORY = 1024 * 1024
"""Bytes; what is packed beyond these goes to a file without a name, which ends with the process."""

_SHARED = tuple(each.name for each in fields(Finding) if each.name not in _OWN)


class Shelf:
    """Where a run puts what it has judged; documents that were read are not kept, and neither is their origin."""

    def __init__(self, in_memory: int = _IN_MEMORY) -> None:
        self._pool: list[tuple[Any, ...]] = []
        self._places: dict[tuple[Any, ...], int] = {}
        self._pipelines: list[Pipeline] = []
        self._packed = _Packed(in_memory)
        self._alike: dict[tuple[Any, ...], list[Any]] = {}
        self._count = 0
        # Pipelines are much alike: what the first one says is the dictionary of all others.
        self._first = b""

    def add(self, snapshot: Snapshot, findings: Iterable[Finding]) -> None:
        """Keep the findings about one snapshot, in the order of their identity."""
        rows = [self._row(one) for one in _ordered(findings)]
        arns = {name: resource.arn for name, resource in snapshot.resources.items() if resource.arn}
        about = (arns, tuple(snapshot.resources), snapshot.source, snapshot.taken_at)
        told = b"".join(pickle.dumps(part, pickle.HIGHEST_PROTOCOL) for part in (about, rows))
        self._pipelines.append(snapshot.pipeline)
        self._packed.append(self._pressed(told))
        self._count += len(rows)

    def snapshots(self) -> Sequence[Snapshot]:
        """Return the snapshots without their documents, in the order in which they came."""
        return _Snapshots(self, range(len(self._pipelines)))

    def findings(self) -> Sequence[Finding]:
        """Return the findings by pipeline and identity, as the formats for programs want them."""
        order = sorted(range(len(self._pipelines)), key=lambda place: self._pipelines[place].name)
        return _Findings(self, order, self._count, [(one, count) for one, count in self._alike.values()])

    def _pressed(self, told: bytes) -> bytes:
        self._first = self._first or told[-_WINDOW:]
        press = zlib.compressobj(level=1, zdict=self._first)
        return press.compress(told) + press.flush()

    def _pressed_out(self, packed: bytes) -> bytes:
        return zlib.decompressobj(zdict=self._first).decompress(packed)

    def _row(self, finding: Finding) -> Any:
        shared = tuple([getattr(finding, name) for name in _SHARED])
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

    def snapshot(self, place: int) -> Snapshot:
        """Return a snapshot without its documents."""
        return self._snapshot(place, io.BytesIO(self._pressed_out(self._packed[place])))

    def unpacked(self, place: int) -> list[Finding]:
        """Return the findings about a snapshot."""
        told = io.BytesIO(self._pressed_out(self._packed[place]))
        resources = self._snapshot(place, told).resources
        pipeline = self._pipelines[place].name
        # Only what this process has packed itself is ever unpacked.
        return [self._finding(row, pipeline, resources) for row in pickle.load(told)]  # noqa: S301  # nosec B301

    def _snapshot(self, place: int, told: IO[bytes]) -> Snapshot:
        pipeline = self._pipelines[place]
        arns, names, source, taken_at = pickle.load(told)  # noqa: S301 - as above  # nosec B301
        resources = {
            name: Resource(pipeline.nodes[name], attributes={"Arn": arns[name]} if name in arns else {})
            for name in names
        }
        return Snapshot(pipeline, resources, source, taken_at)

    def _finding(self, row: Any, pipeline: str, resources: Any) -> Finding:
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


def _ordered(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings of one pipeline by rule, node and, where these are the same, fingerprint."""
    ordered = sorted(findings, key=lambda one: (one.rule, one.node))
    if len({(one.rule, one.node) for one in ordered}) < len(ordered):
        ordered.sort(key=lambda one: (one.rule, one.node, one.fingerprint))
    return ordered


class _Packed:
    """Bytes in the order in which they came: the first ones in memory, the others in a file without a name.

    Where no such file can be written, they all stay in memory.
    """

    def __init__(self, in_memory: int) -> None:
        self._left = in_memory
        self._parts: list[bytes | tuple[IO[bytes], int, int]] = []
        self._file: IO[bytes] | None = None
        self._end = 0

    def append(self, part: bytes) -> None:
        """Keep some bytes."""
        self._left -= len(part)
        self._parts.append(part if self._left >= 0 else self._written(part))

    def _written(self, part: bytes) -> bytes | tuple[IO[bytes], int, int]:
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(prefix="auditor-", buffering=0)  # noqa: SIM115 - needed until the end
                weakref.finalize(self, self._file.close)
            start = self._file.seek(self._end)
            if self._file.write(part) != len(part):
                return part
        except OSError:
            return part
        self._end += len(part)
        return self._file, start, len(part)

    def __getitem__(self, place: int) -> bytes:
        part = self._parts[place]
        if isinstance(part, bytes):
            return part
        file, start, size = part
        file.seek(start)
        return file.read(size)


class _Snapshots(Sequence[Snapshot]):
    """The snapshots of a shelf."""

    def __init__(self, shelf: Shelf, places: Sequence[int]) -> None:
        self._shelf = shelf
        self._places = places

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return tuple(self._shelf.snapshot(place) for place in self._places[index])
        return self._shelf.snapshot(self._places[index])


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
            yield from self._shelf.unpacked(place)

    def __getitem__(self, index: Any) -> Any:
        # Sequences are asked by index now and then (the first one); a run over all of them never is.
        return tuple(self)[index]
