"""`Fn::ForEach` of AWS::LanguageExtensions written out, where the template itself (or a parameter given) tells over what."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from auditor.files.document import Spot, Step
from auditor.model import Json
from auditor.sources.cloudformation_written import Written

LOOP = "Fn::ForEach::"
_MADE_AT_MOST = 10_000
_DEPTH = 5

Parameter = Callable[[str], "list[str] | None"]
"""Return the values of a list parameter by its name, `None` when they are not known."""


@dataclass(slots=True)
class _Room:
    """How many members may still be made: loops in loops multiply."""

    left: int = _MADE_AT_MOST


def unrolled(section: Mapping[str, Written], listed: Parameter) -> dict[str, Written]:
    """Return the members of a section with its loops written out; a loop over what nobody knows yet stays as it is.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/intrinsic-function-reference-foreach.html
    """
    if not any(name.startswith(LOOP) for name in section):
        return dict(section)
    room = _Room()
    made: dict[str, Written] = {}
    for name, written in section.items():
        made.update(_members(name, written, listed, room, 0))
    return made


def _members(name: str, written: Written, listed: Parameter, room: _Room, depth: int) -> Iterator[tuple[str, Written]]:
    rounds = _rounds(written, listed) if name.startswith(LOOP) and depth < _DEPTH else None
    if rounds is None:
        yield name, written
        return
    identifier, items, body = rounds
    if room.left < len(items) * len(body.value):
        yield name, written
        return
    room.left -= len(items) * len(body.value)
    for item in items:
        for key, inner in body.items():
            value, spot = _filled(inner.value, inner.spot, identifier, item)
            there = Written(value, spot, inner.file)
            yield from _members(_replaced(key, identifier, item), there, listed, room, depth + 1)


def _rounds(written: Written, listed: Parameter) -> tuple[str, list[str], Written] | None:
    """Return the identifier of a loop, what it goes through, and what it makes each time; `None` where that is not known."""
    parts = written.each()
    if len(parts) != 3 or not isinstance(parts[0].value, str) or not isinstance(parts[2].value, Mapping):
        return None
    over = parts[1].value
    if isinstance(over, Mapping) and isinstance(over.get("Ref"), str):
        over = listed(over["Ref"])
    if not isinstance(over, list) or not all(isinstance(one, str | int) for one in over):
        return None
    return parts[0].value, [str(one) for one in over], parts[2]


def _filled(value: Json, spot: Spot, identifier: str, item: str) -> tuple[Json, Spot]:
    """Return a value with an item in place of the identifier, and the places of its parts."""
    if isinstance(value, str):
        return _replaced(value, identifier, item), spot
    if isinstance(value, Mapping):
        if value.get("Ref") == identifier and len(value) == 1:
            return item, spot
        pairs = {_replaced(name, identifier, item): (one, _spot_of(spot, name)) for name, one in value.items()}
        return _both({name: _filled(one, there, identifier, item) for name, (one, there) in pairs.items()}, spot)
    if isinstance(value, list):
        filled = [_filled(one, _spot_of(spot, index), identifier, item) for index, one in enumerate(value)]
        return [one for one, _ in filled], _with(spot, {index: there for index, (_, there) in enumerate(filled)})
    return value, spot


def _both(filled: Mapping[str, tuple[Json, Spot]], spot: Spot) -> tuple[Json, Spot]:
    return {name: one for name, (one, _) in filled.items()}, _with(spot, {name: s for name, (_, s) in filled.items()})


def _with(spot: Spot, parts: Mapping[Step, Spot]) -> Spot:
    return Spot(spot.line, spot.column, spot.key_line, spot.key_column, dict(parts))


def _spot_of(spot: Spot, step: Step) -> Spot:
    found = (spot.parts or {}).get(step)
    return found if found is not None else Spot(spot.line, spot.column)


def _replaced(text: str, identifier: str, item: str) -> str:
    """Return a text with an item in its holes; `&{…}` takes of it what a logical id may hold."""
    if identifier not in text:
        return text
    return text.replace(f"${{{identifier}}}", item).replace(f"&{{{identifier}}}", re.sub(r"[^A-Za-z0-9]", "", item))
