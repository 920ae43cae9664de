"""A parsed file: its value, and the line and column of every part of it."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from typing import TypeAlias

from auditor.errors import Place
from auditor.model import Json

Step: TypeAlias = "str | int"

_PLAIN_STEP = re.compile(r"[^.\[\]\"]+")
_ROUTE_STEP = re.compile(r"\.?([^.\[\]\"]+)|\[(\d+)\]|\[(\"(?:[^\"\\]|\\.)*\")\]")


@dataclass(slots=True)
class Spot:
    """Where a value stands, where its key stands (line 0: it has none), and the same of its parts, if it has any."""

    line: int = 0
    column: int = 0
    key_line: int = 0
    key_column: int = 0
    parts: Mapping[Step, Spot] | None = None


class Parts(Mapping[Step, Spot]):
    """The spots of a value's parts in little memory: four numbers each, and what lies within those that have parts.

    `order` says for each step which of the parts it leads to; mappings with the same keys may share one.
    """

    __slots__ = ("_inner", "_numbers", "_order")

    def __init__(
        self, order: Mapping[Step, int], numbers: Iterable[int], inner: Mapping[int, Mapping[Step, Spot]]
    ) -> None:
        self._order = order
        self._numbers = array("I", numbers)
        self._inner = inner or None

    def __getitem__(self, step: Step) -> Spot:
        place = self._order[step]
        line, column, key_line, key_column = self._numbers[4 * place : 4 * place + 4]
        return Spot(line, column, key_line, key_column, self._inner.get(place) if self._inner else None)

    def __iter__(self) -> Iterator[Step]:
        return iter(self._order)

    def __len__(self) -> int:
        return len(self._order)


@dataclass(frozen=True, slots=True)
class Document:
    """A file's value, and where every part of it stands."""

    value: Json
    file: str
    spot: Spot = field(default_factory=Spot, repr=False, compare=False)

    def place_of(self, path: tuple[Step, ...]) -> Place:
        """Return where the value at a path stands; the longest known part of it, where the path leads too far."""
        spot, _ = self._walk(path)
        return Place(self.file, spot.line, spot.column)

    def key_place(self, path: tuple[Step, ...]) -> Place:
        """Return where the last key of a path stands; what has no key, or is not there, has the place of its value."""
        spot, known = self._walk(path)
        if known and spot.key_line:
            return Place(self.file, spot.key_line, spot.key_column)
        return Place(self.file, spot.line, spot.column)

    def place(self, route: str) -> Place:
        """Return where a route (`a.b[0].c`; a key with dots is `a["x.y"]`) stands, as `place_of` does."""
        return self.place_of(path_of(route))

    def part(self, path: tuple[Step, ...]) -> Document:
        """Return what stands at a path as a document of its own, with the same places; absent is `None`."""
        value = self.value
        for step in path:
            inside = value.get(step) if isinstance(value, Mapping) else None
            listed = isinstance(value, list) and isinstance(step, int) and step < len(value)
            value = value[step] if listed else inside
        return Document(value, self.file, self._walk(path)[0])

    @property
    def places(self) -> Mapping[str, Place]:
        """Return the place of every part, by route; the whole is at the empty route."""
        return {route_of(path): Place(self.file, spot.line, spot.column) for path, spot in _all(self.spot, ())}

    def _walk(self, path: tuple[Step, ...]) -> tuple[Spot, bool]:
        spot = self.spot
        for step in path:
            part = spot.parts.get(step) if spot.parts else None
            if part is None:
                return spot, False
            spot = part
        return spot, True


def _all(spot: Spot, path: tuple[Step, ...]) -> Iterator[tuple[tuple[Step, ...], Spot]]:
    yield path, spot
    for step, part in (spot.parts or {}).items():
        yield from _all(part, (*path, step))


def route_of(path: tuple[Step, ...]) -> str:
    """Return a path as a route: `("a", 0, "x.y")` gives `a[0]["x.y"]`."""
    route = ""
    for step in path:
        if isinstance(step, int):
            route += f"[{step}]"
        elif _PLAIN_STEP.fullmatch(step):
            route += ("." if route else "") + step
        else:
            route += f"[{json.dumps(step)}]"
    return route


def path_of(route: str) -> tuple[Step, ...]:
    """Return a route as a path: the reverse of `route_of`; `.` and the empty route give none."""
    return tuple(
        name or (int(index) if index else str(json.loads(quoted))) for name, index, quoted in _ROUTE_STEP.findall(route)
    )


def shown(value: Json, width: int = 60) -> str:
    """Return a value for a sentence: one line of printable text between backticks, shortened."""
    text = value if isinstance(value, str) and value.strip() else json.dumps(value, ensure_ascii=False, default=str)
    line = "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode() for c in text[: width + 1].replace("`", "'")
    )
    return f"`{line if len(line) <= width else line[: width - 1] + '…'}`"


def closest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that someone who wrote `word` most likely meant, or `None` when none is near."""
    known = sorted(set(choices))
    folded = {choice.lower().replace("-", "_"): choice for choice in reversed(known)}
    plain = word.lower().replace("-", "_")
    if plain in folded:
        return folded[plain]
    matcher = SequenceMatcher(b=plain[:100], autojunk=False)
    likeness = {choice: _likeness(matcher, word) for word, choice in folded.items()}
    best = max(sorted(likeness), key=likeness.__getitem__, default=None)
    return best if best is not None and likeness[best] >= 0.7 else None


def _likeness(matcher: SequenceMatcher[str], word: str) -> float:
    matcher.set_seq1(word[:100])
    return matcher.ratio() if matcher.quick_ratio() >= 0.7 else 0.0


def did_you_mean(word: str, choices: Iterable[str]) -> str:
    """Return " Did you mean `x`?", or what there is when nothing is near (empty when there is nothing)."""
    known = sorted(set(choices))
    near = closest(word, known)
    if near is not None:
        return f" Did you mean {shown(near)}?"
    if not known:
        return ""
    named = ", ".join(shown(choice) for choice in known[:20]) + (", …" if len(known) > 20 else "")
    return f" There is only {named}." if len(known) == 1 else f" There are {named}."
