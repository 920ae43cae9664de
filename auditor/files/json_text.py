"""Strict JSON: plain values with the line and column of each, or the first mistake with its place."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from typing import NoReturn

from auditor.errors import InputError, Mistake, Place
from auditor.files.document import Document, Spot, Step, shown
from auditor.files.json_spots import spots
from auditor.model import Json

DEPTH = 200

_SPACE = re.compile(r"[ \t\n\r]*")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
_ANYTHING = re.compile(r"[^\s,\]}:]{1,30}|.", re.DOTALL)
_STRING_SIGN = re.compile(r'["\\\x00-\x1f]')
_WORDS = {"true": True, "false": False, "null": None}
_HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")


def parse_json(text: str, file: str, *, places: bool = True) -> Document:
    """Return a JSON text's value, or raise `InputError`.

    Refused beside what JSON forbids: duplicate keys, numbers too large to hold, half surrogate pairs, more than 200
    levels. With `places=False` only the whole has a place.
    """
    text = text.removeprefix("\ufeff")
    if _HALF.search(text) is None:
        try:
            value = json.loads(
                text, object_pairs_hook=_no_duplicates, parse_constant=_refuse, parse_float=_finite, parse_int=_integer
            )
        except (ValueError, RecursionError):
            pass
        else:
            if _levels(value) <= DEPTH:
                return Document(value, file, spots(text) if places else Spot(1, 1))
    # What the fast reader does not take is read again with care, for the sentence.
    return _JsonReading(text, file).document()


def _no_duplicates(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse(_text: str) -> NoReturn:
    raise ValueError


def _finite(text: str) -> float:
    value = float(text)
    if abs(value) == float("inf"):
        raise ValueError
    return value


def _integer(text: str) -> int:
    if len(text) > 400:
        raise ValueError
    return int(text)


def _levels(value: Json) -> int:
    """Return how deep a value is nested, counting up to one more than is allowed."""
    levels, row = 1, [value]
    while row and levels <= DEPTH + 1:
        row = [
            part
            for whole in row
            if isinstance(whole, dict | list)
            for part in (whole.values() if isinstance(whole, dict) else whole)
        ]
        levels += bool(row)
    return levels


class _JsonReading:
    """One reading of a JSON text, from left to right."""

    def __init__(self, text: str, file: str) -> None:
        self.text = text
        self.file = file
        self.at = 0
        self.lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self.mistakes: list[Mistake] = []

    def document(self) -> Document:
        self._space()
        value, spot = self._value(1)
        self._space()
        if self.at < len(self.text):
            self._stop(self.at, "Something stands after the end of the value.", "A JSON file holds one value.")
        if self.mistakes:
            raise InputError(self.mistakes)
        return Document(value, self.file, spot)

    def _value(self, depth: int) -> tuple[Json, Spot]:
        if depth > DEPTH:
            self._stop(self.at, f"Values are nested more than {DEPTH} levels deep.", "Flatten them.")
        spot, parts = self._spot(), dict[Step, Spot]()
        sign = self.text[self.at : self.at + 1]
        if sign == "{":
            spot.parts = parts
            return self._object(parts, depth), spot
        if sign == "[":
            spot.parts = parts
            return self._array(parts, depth), spot
        if sign == '"':
            return self._string(), spot
        return self._plain(), spot

    def _plain(self) -> Json:
        number = _NUMBER.match(self.text, self.at)
        if number:
            return self._number(number)
        for word, meaning in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return meaning
        found = _ANYTHING.match(self.text, self.at)
        if found is None:
            self._stop(self.at, "The file ends where a value is expected.", "It may have been cut off.")
        return self._stop(self.at, f"A value is expected, and {shown(found[0])} is none.", "")

    def _number(self, number: re.Match[str]) -> float:
        self.at = number.end()
        try:
            return _finite(number[0]) if number[1] or number[2] else _integer(number[0])
        except ValueError:
            return self._stop(
                number.start(), f"The number {shown(number[0], 20)} is too large.", "Write it as a string."
            )

    def _string(self) -> str:
        start = self.at
        literal = self.text[start : self._string_end()]
        try:
            value = str(json.loads(literal))
        except ValueError:
            self._stop(start, "A string holds an escape that JSON does not know.", "Write `\\\\` for a backslash.")
        if _HALF.search(literal) and any("\ud800" <= character <= "\udfff" for character in value):
            self._stop(start, "A string holds half of a surrogate pair.", "Write the character itself.")
        self.at = start + len(literal)
        return value

    def _string_end(self) -> int:
        at = self.at + 1
        while found := _STRING_SIGN.search(self.text, at):
            if found[0] == '"':
                return found.end()
            if found[0] != "\\":
                hint = "Write it as an escape: `\\n`."
                self._stop(found.start(), "A string holds a line break or a control character.", hint)
            at = found.end() + 1
        return self._stop(self.at, "A string is opened here and never closed.", "")

    def _object(self, parts: dict[Step, Spot], depth: int) -> dict[str, Json]:
        found: dict[str, Json] = {}
        self._advance()
        while self.text[self.at : self.at + 1] != "}":
            if found:
                self._comma("}")
            at = self.at
            if self.text[at : at + 1] != '"':
                self._stop(at, "A key in double quotes is expected.", "")
            key = self._string()
            self._space()
            if self.text[self.at : self.at + 1] != ":":
                self._stop(self.at, f"A `:` is missing after the key {shown(key)}.", "")
            self._advance()
            value, part = self._value(depth + 1)
            self._space()
            part.key_line, part.key_column = self._position(at)
            self._put(found, parts, key, value, part)
        self.at += 1
        return found

    def _put(self, found: dict[str, Json], parts: dict[Step, Spot], key: str, value: Json, part: Spot) -> None:
        if key in found:
            first = parts[key].key_line
            place = Place(self.file, part.key_line, part.key_column)
            self.mistakes.append(
                Mistake(place, f"The key {shown(key)} stands here twice, first on line {first}.", "Keep one of them.")
            )
            return
        found[key] = value
        parts[key] = part

    def _array(self, parts: dict[Step, Spot], depth: int) -> list[Json]:
        found: list[Json] = []
        self._advance()
        while self.text[self.at : self.at + 1] != "]":
            if found:
                self._comma("]")
            value, part = self._value(depth + 1)
            self._space()
            parts[len(found)] = part
            found.append(value)
        self.at += 1
        return found

    def _comma(self, end: str) -> None:
        at = self.at
        if self.text[at : at + 1] != ",":
            self._stop(
                at,
                f"A `,` or `{end}` is missing here." if at < len(self.text) else f"The file ends before its `{end}`.",
                "",
            )
        self._advance()
        if self.text[self.at : self.at + 1] == end:
            self._stop(at, f"A `,` stands before the closing `{end}`.", "Remove it.")

    def _advance(self) -> None:
        self.at += 1
        self._space()

    def _space(self) -> None:
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at

    def _position(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self.lines, offset)
        return line, offset - self.lines[line - 1] + 1

    def _spot(self) -> Spot:
        return Spot(*self._position(self.at))

    def _stop(self, offset: int, sentence: str, hint: str) -> NoReturn:
        self.mistakes.append(Mistake(Place(self.file, *self._position(min(offset, len(self.text)))), sentence, hint))
        raise InputError(self.mistakes)
