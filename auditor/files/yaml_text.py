"""Strict YAML: plain values with the line and column of each, or every mistake at once."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from auditor.errors import InputError, Mistake, Place
from auditor.files.document import Document, Parts, Spot, Step, shown
from auditor.model import EMPTY, Json

DEPTH = 64
NODES_AT_MOST = 1_000_000
EXPANDED_AT_MOST = 100_000
MISTAKES_AT_MOST = 100

Tag: TypeAlias = Callable[[Json], Json]

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")
_REMARKS: tuple[tuple[str, str], ...] = (
    (
        "cannot start any token",
        "This character cannot begin a value here: indent with spaces, or write the text in quotes",
    ),
    (
        "mapping values are not allowed",
        "A `:` stands where none may: check the indentation, or write the text in quotes",
    ),
    ("could not find expected ':'", "This line has no `:` after its key"),
    ("expected <block end>", "The indentation does not fit the lines above"),
    (
        "did not find expected key",
        "This does not continue what stands before it: check indentation, quotes and brackets",
    ),
    ("did not find expected '-' indicator", "The indentation does not fit the list above"),
    ("unexpected end of stream", "A quote is opened here and never closed"),
    ("did not find expected ',' or", "A `,` or a closing bracket is missing"),
    ("expected ',' or", "A `,` or a closing bracket is missing"),
    ("unknown escape character", "A `\\` in double quotes begins no known escape: write `\\\\`, or use single quotes"),
    ("expected the node content", "A value is expected here"),
    ("did not find expected node content", "A value is expected here"),
    ("expected <document start>", "Something stands after the end of the document"),
    ("did not find expected <document start>", "Something stands after the end of the document"),
    ("block sequence entries are not allowed", "A list (`- `) must begin on a line of its own"),
    ("expected alphabetic or numeric", "An `&` or `*` has no name after it: write the text in quotes"),
    ("expected hexdecimal number", "An escape such as `\\x41` or `\\u3042` lacks digits"),
    ("expected escape sequence", "An escape such as `\\x41` or `\\u3042` lacks digits"),
    ("found unexpected ':'", "A `:` needs a blank after it, or the text needs quotes"),
    ("invalid Unicode character escape", "An escape stands for no character: write the character itself"),
    ("exceeded maximum nesting depth", "Values are nested far too deep"),
    ("undefined tag handle", "Tags are not allowed: write the value without `!`"),
)


def parse_yaml(text: str, file: str, *, tags: Mapping[str, Tag] = EMPTY, any_keys: bool = False) -> Document:
    """Return the one document of a YAML text, or raise `InputError` with all that is wrong in it.

    Only `true`, `false`, `null` and decimal numbers are more than text: a date, `yes`, `0o17`, `012`, `1:30` and `.inf`
    stay text, and so does a number of exactly 12 digits (an AWS account id) or of more than 15. `tags` gives for a tag
    (`!Ref`) the function from its value to what it means; it may raise `ValueError` with a sentence. `any_keys` takes
    `1:` as the key "1". Refused are other tags, duplicate keys, `<<`, several documents, more than 64 levels, more than
    1,000,000 values, and aliases that unfold to more than 100,000 values.
    """
    import yaml

    text = text.removeprefix("\ufeff")
    if hit := _UNPRINTABLE.search(text):
        place = _place_at(text, hit.start(), file)
        raise InputError(
            [Mistake(place, f"The character U+{ord(hit[0]):04X} may not stand in a YAML file.", "Remove it.")]
        )
    loader = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
    reading = _YamlReading(iter(yaml.parse(text, Loader=loader)), file, tags, any_keys=any_keys)
    try:
        value, spot = reading.document()
    except yaml.YAMLError as error:
        opened = reading.open[-1] if reading.open else None
        raise InputError([*reading.mistakes, _syntax(error, file, text, opened)]) from None
    except RecursionError:
        raise InputError([Mistake(Place(file), f"Values are nested more than {DEPTH} levels deep.")]) from None
    if reading.mistakes:
        raise InputError(sorted(reading.mistakes, key=lambda one: (one.place.line, one.place.column)))
    return Document(value, file, spot)


def _place_at(text: str, offset: int, file: str) -> Place:
    start = text.rfind("\n", 0, offset)
    return Place(file, text.count("\n", 0, offset) + 1, offset - start)


def _syntax(error: Exception, file: str, text: str, flow: Json) -> Mistake:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or error).splitlines()[0]
    known = next((remark for part, remark in _REMARKS if part in problem), f"This is not YAML ({problem})")
    opened = getattr(error, "context_mark", None)
    if "end of stream" in problem and opened is not None:
        mark = opened
    if mark is None:
        return Mistake(Place(file), f"{known}.")
    if flow is not None and not "".join(text.split("\n")[mark.line :]).strip():
        place = Place(file, flow.start_mark.line + 1, flow.start_mark.column + 1)
        return Mistake(place, "A bracket is opened here and never closed.")
    line = text.split("\n")[mark.line] if mark.line < text.count("\n") + 1 else ""
    if line[mark.column : mark.column + 1] == "\t" or line[: mark.column + 1].strip(" ").startswith("\t"):
        known = "A tab stands where YAML allows only spaces: indent with spaces"
    return Mistake(Place(file, mark.line + 1, mark.column + 1), f"{known}.")


@dataclass(slots=True)
class _Built:
    value: Json
    spot: Spot
    size: int = 1
    height: int = 1


_Orders: TypeAlias = "dict[tuple[Step, ...], dict[Step, int]]"
"""The places of the keys of mappings, by their keys: thousands of mappings have the same."""


class _Spots:
    """The spots of a value's parts while it is read."""

    __slots__ = ("inner", "numbers", "order")

    def __init__(self) -> None:
        self.order: dict[Step, int] = {}
        self.numbers: list[int] = []
        self.inner: dict[int, Mapping[Step, Spot]] = {}

    def add(self, step: Step, spot: Spot) -> None:
        place = self.order[step] = len(self.order)
        self.numbers += (spot.line, spot.column, spot.key_line, spot.key_column)
        if spot.parts:
            self.inner[place] = spot.parts

    def key_line(self, step: Step) -> int:
        return self.numbers[4 * self.order[step] + 2]

    def parts(self, orders: _Orders) -> Mapping[Step, Spot]:
        return Parts(orders.setdefault(tuple(self.order), self.order), self.numbers, self.inner)


class _YamlReading:
    """One reading of a YAML text: what it has built so far and what was wrong."""

    def __init__(self, events: Iterator[Json], file: str, tags: Mapping[str, Tag], *, any_keys: bool) -> None:
        import yaml

        self.yaml = yaml
        self.events = events
        self.file = file
        self.tags = tags
        self.any_keys = any_keys
        self.left = NODES_AT_MOST
        self.open: list[Json] = []
        self.expanded = 0
        self.anchors: dict[str, _Built] = {}
        self.keys: dict[str, str] = {}
        self.orders: _Orders = {}
        self.mistakes: list[Mistake] = []

    def document(self) -> tuple[Json, Spot]:
        yaml = self.yaml
        built: _Built | None = None
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                if built is not None:
                    self._stop(event, "A second document begins here.", "Put each document into a file of its own.")
                built = self._node(next(self.events), 1)
        return (built.value, built.spot) if built else (None, Spot(1, 1))

    def _node(self, event: Json, depth: int) -> _Built:
        yaml = self.yaml
        self.left -= 1
        if self.left < 0:
            self._stop(event, "The file holds too many values.", "Split it into several files.")
        if depth > DEPTH:
            self._stop(event, f"Values are nested more than {DEPTH} levels deep.", "Flatten them.")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, depth)
        if isinstance(event, yaml.ScalarEvent):
            built = _Built(self._scalar(event), self._spot(event))
        elif isinstance(event, yaml.SequenceStartEvent):
            built = self._sequence(event, depth)
        else:
            built = self._mapping(event, depth)
        built = self._tagged(event, built)
        if event.anchor:
            self.anchors[event.anchor] = built
        return built

    def _alias(self, event: Json, depth: int) -> _Built:
        known = self.anchors.get(event.anchor)
        if known is None:
            self._mistake(event, f"`*{event.anchor}` refers to nothing above it.", f"Define `&{event.anchor}` first.")
            return _Built(None, self._spot(event))
        self.expanded += known.size
        if self.expanded > EXPANDED_AT_MOST:
            self._stop(
                event,
                f"The aliases of this file unfold to more than {EXPANDED_AT_MOST:,} values.",
                "Use fewer of them.",
            )
        if depth + known.height - 1 > DEPTH:
            self._stop(event, f"Values are nested more than {DEPTH} levels deep.", "Flatten them.")
        spot = self._spot(event)
        spot.parts = known.spot.parts
        return _Built(copy.deepcopy(known.value), spot, known.size, known.height)

    def _scalar(self, event: Json) -> Json:
        if _SURROGATE.search(event.value):
            self._mistake(event, "A text holds half of a surrogate pair.", "Write the character itself.")
        return _meaning(event.value) if event.implicit[0] and not event.style else event.value

    def _sequence(self, event: Json, depth: int) -> _Built:
        built, spots = _Built([], self._spot(event)), _Spots()
        self._enter(event)
        for inner in self.events:
            if isinstance(inner, self.yaml.SequenceEndEvent):
                self._leave(event)
                break
            part = self._node(inner, depth + 1)
            spots.add(len(built.value), part.spot)
            built.value.append(part.value)
            built.size += part.size
            built.height = max(built.height, part.height + 1)
        built.spot.parts = spots.parts(self.orders)
        return built

    def _mapping(self, event: Json, depth: int) -> _Built:
        built, spots = _Built({}, self._spot(event)), _Spots()
        self._enter(event)
        for inner in self.events:
            if isinstance(inner, self.yaml.MappingEndEvent):
                self._leave(event)
                break
            key = self._key(inner, depth + 1)
            part = self._node(next(self.events), depth + 1)
            built.size += part.size
            built.height = max(built.height, part.height + 1)
            if key is None:
                continue
            if key in built.value:
                first = spots.key_line(key)
                self._mistake(
                    inner, f"The key {shown(key)} stands here twice, first on line {first}.", "Keep one of them."
                )
                continue
            part.spot.key_line, part.spot.key_column = inner.start_mark.line + 1, inner.start_mark.column + 1
            built.value[key] = part.value
            spots.add(key, part.spot)
        built.spot.parts = spots.parts(self.orders)
        return built

    def _key(self, event: Json, depth: int) -> str | None:
        if not isinstance(event, self.yaml.ScalarEvent):
            if not isinstance(event, self.yaml.AliasEvent):
                self._node(event, depth)
            self._mistake(event, "A key must be text, not a list, a mapping or an alias.", "Write the key out.")
            return None
        if event.tag is not None:
            self._mistake(event, "A key may not have a tag.", "Remove it.")
        if event.value == "<<" and not event.style:
            self._mistake(event, "Merge keys (`<<`) are not allowed.", "Write the merged keys out.")
            return None
        meaning = self._scalar(event)
        if not isinstance(meaning, str) and not self.any_keys:
            self._mistake(
                event, f"A key must be text, and {shown(meaning)} is not.", f'Write "{event.value}" in quotes.'
            )
            return None
        if event.anchor:
            self.anchors[event.anchor] = _Built(str(event.value), self._spot(event))
        return self.keys.setdefault(event.value, event.value)

    def _tagged(self, event: Json, built: _Built) -> _Built:
        if event.tag is None:
            return built
        if event.tag not in self.tags:
            name = event.tag.replace("tag:yaml.org,2002:", "!!")
            self._mistake(event, f"The tag {shown(name)} is not allowed.", "Write the value without it.")
            return built
        try:
            value = self.tags[event.tag](built.value)
        except ValueError as error:
            self._mistake(event, str(error), "")
            return built
        spot = Spot(built.spot.line, built.spot.column)
        if isinstance(value, dict) and len(value) == 1:
            spot.parts = {next(iter(value)): built.spot}
        return _Built(value, spot, built.size + 2, built.height + 2)

    def _enter(self, event: Json) -> None:
        if event.flow_style:
            self.open.append(event)

    def _leave(self, event: Json) -> None:
        if event.flow_style:
            self.open.pop()

    def _spot(self, event: Json) -> Spot:
        return Spot(event.start_mark.line + 1, event.start_mark.column + 1)

    def _mistake(self, event: Json, sentence: str, hint: str) -> None:
        place = Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
        self.mistakes.append(Mistake(place, sentence, hint))
        if len(self.mistakes) >= MISTAKES_AT_MOST:
            raise InputError(self.mistakes)

    def _stop(self, event: Json, sentence: str, hint: str) -> NoReturn:
        self._mistake(event, sentence, hint)
        raise InputError(self.mistakes)


def _meaning(text: str) -> Json:
    """Return what an unquoted YAML scalar means."""
    if text in {"", "~", "null"}:
        return None
    if text in {"true", "false"}:
        return text == "true"
    number = _NUMBER.fullmatch(text)
    if number is None or (len(text) == 12 and text.isdigit()):
        return text
    if number[1] or number[2]:
        value = float(text)
        return value if abs(value) < float("inf") else text
    return int(text) if len(text) <= 15 else text
