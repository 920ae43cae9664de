"""Whether a value is right by a JSON Schema, without a word about it: nearly every file is, and asking is quick."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from auditor.model import Json

Keyword: TypeAlias = "Callable[[_Asked, Json, Json, Json], bool]"

_SILENT = frozenset(
    {"$schema", "$id", "$defs", "$comment", "title", "description", "default", "examples", "deprecated", "readOnly"}
    | {"writeOnly", "format", "errorMessage", "patternErrorMessage"}
)
"""Words that object to nothing (`format` is no more than a remark in Draft 2020-12)."""
_POINTER = re.compile(r"#((?:/[\w$.-]+)*)")


class _Unsure(Exception):
    """The schema says something that only a full validator knows."""


def conforms(value: Json, schema: Json, open_to: Callable[[Json], bool] | None = None) -> bool:
    """Tell whether a value is surely right by a JSON Schema (Draft 2020-12); a value that `open_to` accepts always is.

    `False` proves nothing: the value is wrong, or the schema has words that are not known here.
    """
    try:
        return _Asked(schema, open_to).right(value, schema)
    except (_Unsure, RecursionError):
        return False


@dataclass(frozen=True, slots=True)
class _Asked:
    """One question: the schema that `#` means, and the words of its parts as far as they were needed."""

    root: Json
    open_to: Callable[[Json], bool] | None
    words: dict[int, list[tuple[Keyword, Json]]] = field(default_factory=dict)

    def right(self, value: Json, schema: Json) -> bool:
        known = self.words.get(id(schema))
        if known is None:
            if isinstance(schema, bool):
                return schema
            known = self.words[id(schema)] = self._keywords(schema)
        if self.open_to is not None and self.open_to(value):
            return True
        return all(keyword(self, wanted, value, schema) for keyword, wanted in known)

    def _keywords(self, schema: Json) -> list[tuple[Keyword, Json]]:
        if not isinstance(schema, Mapping):
            raise _Unsure
        found = [(_KEYWORDS.get(word), wanted) for word, wanted in schema.items() if word not in _SILENT]
        if any(keyword is None for keyword, _ in found) or (schema is not self.root and "$id" in schema):
            raise _Unsure
        return [(keyword, wanted) for keyword, wanted in found if keyword is not None]


def _reference(asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    pointer = _POINTER.fullmatch(wanted)
    if pointer is None:
        raise _Unsure
    schema = asked.root
    for step in pointer[1].split("/")[1:]:
        if not isinstance(schema, Mapping) or step not in schema:
            raise _Unsure
        schema = schema[step]
    return asked.right(value, schema)


def _whole(value: Json) -> bool:
    return (isinstance(value, int) and not isinstance(value, bool)) or (isinstance(value, float) and value.is_integer())


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Mapping[str, Callable[[Json], bool]] = MappingProxyType(
    {
        "string": lambda value: isinstance(value, str),
        "object": lambda value: isinstance(value, dict),
        "array": lambda value: isinstance(value, list),
        "boolean": lambda value: isinstance(value, bool),
        "null": lambda value: value is None,
        "integer": _whole,
        "number": _number,
    }
)


def _type(_asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    listed = [wanted] if isinstance(wanted, str) else wanted
    if not _TYPES.keys() >= set(listed):
        raise _Unsure
    return any(_TYPES[one](value) for one in listed)


def _same(value: Json, choice: Json) -> bool:
    if isinstance(value, dict | list) or isinstance(choice, dict | list):
        if type(value) is type(choice):
            raise _Unsure
        return False
    return bool(value == choice) and isinstance(value, bool) == isinstance(choice, bool)


def _enum(_asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    return any(_same(value, choice) for choice in wanted)


def _pattern(_asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    # `$` is the end, as in ECMA 262, and not also before a last line break.
    return not isinstance(value, str) or bool(re.search(re.sub(r"(?<!\\)\$$", r"\\Z", wanted), value))


def _properties(asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    if not isinstance(value, dict):
        return True
    return all(asked.right(part, wanted[name]) for name, part in value.items() if name in wanted)


def _additional(asked: _Asked, wanted: Json, value: Json, schema: Json) -> bool:
    if not isinstance(value, dict):
        return True
    known = schema.get("properties", {})
    return all(asked.right(part, wanted) for name, part in value.items() if name not in known)


def _required(_asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    return not isinstance(value, dict) or all(name in value for name in wanted)


def _dependent(_asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    if not isinstance(value, dict):
        return True
    return all(other in value for name, others in wanted.items() if name in value for other in others)


def _names(asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    return not isinstance(value, dict) or all(asked.right(name, wanted) for name in value)


def _items(asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    return not isinstance(value, list) or all(asked.right(part, wanted) for part in value)


def _unique(_asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    if not wanted or not isinstance(value, list):
        return True
    if not all(isinstance(part, str) for part in value):
        raise _Unsure
    return len(set(value)) == len(value)


def _any(asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    return any(asked.right(value, one) for one in wanted)


def _all(asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    return all(asked.right(value, one) for one in wanted)


def _one(asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    return sum(asked.right(value, one) for one in wanted) == 1


def _not(asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
    return not asked.right(value, wanted)


def _sized(kind: type[str | list[Json] | dict[str, Json]], at_least: bool) -> Keyword:
    def sized(_asked: _Asked, wanted: Json, value: Json, _schema: Json) -> bool:
        return not isinstance(value, kind) or (len(value) >= wanted if at_least else len(value) <= wanted)

    return sized


def _bounded(holds: Callable[[Json, Json], bool]) -> Keyword:
    return lambda _asked, wanted, value, _schema: not _number(value) or holds(value, wanted)


_KEYWORDS: Mapping[str, Keyword] = MappingProxyType(
    {
        "$ref": _reference,
        "type": _type,
        "enum": _enum,
        "const": lambda _asked, wanted, value, _schema: _same(value, wanted),
        "pattern": _pattern,
        "properties": _properties,
        "additionalProperties": _additional,
        "required": _required,
        "dependentRequired": _dependent,
        "propertyNames": _names,
        "items": _items,
        "uniqueItems": _unique,
        "anyOf": _any,
        "allOf": _all,
        "oneOf": _one,
        "not": _not,
        "minLength": _sized(str, at_least=True),
        "maxLength": _sized(str, at_least=False),
        "minItems": _sized(list, at_least=True),
        "maxItems": _sized(list, at_least=False),
        "minProperties": _sized(dict, at_least=True),
        "maxProperties": _sized(dict, at_least=False),
        "minimum": _bounded(lambda value, wanted: value >= wanted),
        "maximum": _bounded(lambda value, wanted: value <= wanted),
        "exclusiveMinimum": _bounded(lambda value, wanted: value > wanted),
        "exclusiveMaximum": _bounded(lambda value, wanted: value < wanted),
    }
)
