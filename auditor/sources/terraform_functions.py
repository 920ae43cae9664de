"""Terraform's functions, as far as names, ARNs and policies are made with them."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from auditor.model import Json

Function = Callable[..., Any]


class NotEvaluatedError(Exception):
    """A call with arguments that Terraform would refuse, or that mean something else than what is written here."""


def text(value: Json) -> str:
    """Return a scalar as Terraform writes it into text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, str | int | float):
        return str(value)
    raise NotEvaluatedError


def _number(value: Json) -> Json:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}", value):
        return int(value)
    raise NotEvaluatedError


def _list(value: Json) -> list[Json]:
    if isinstance(value, list):
        return value
    raise NotEvaluatedError


def _mapping(value: Json) -> Mapping[str, Json]:
    if isinstance(value, Mapping):
        return value
    raise NotEvaluatedError


def _format(form: str, *values: Json) -> str:
    rest = list(values)

    def filled(found: re.Match[str]) -> str:
        if found[0] == "%%":
            return "%"
        if found[1] not in {"s", "d", "v"} or not rest:
            raise NotEvaluatedError
        value = rest.pop(0)
        return text(_number(value) if found[1] == "d" else value)

    made = re.sub(r"%(.)", filled, form)
    if rest:
        raise NotEvaluatedError
    return made


def _unique(items: Json) -> list[Json]:
    made: list[Json] = []
    for one in _list(items):
        if one not in made:
            made.append(one)
    return made


def _flatten(items: Json) -> list[Json]:
    made: list[Json] = []
    for one in _list(items):
        made += _flatten(one) if isinstance(one, list) else [one]
    return made


def _set(items: Json) -> list[Json]:
    made = _unique(items)
    return sorted(made) if all(isinstance(one, str) for one in made) else made


def _replace(whole: str, old: str, new: str) -> str:
    if len(old) > 1 and old.startswith("/") and old.endswith("/"):
        # A regular expression of another dialect.
        raise NotEvaluatedError
    return whole.replace(old, new)


def _lookup(table: Json, key: str, *instead: Json) -> Json:
    known = _mapping(table)
    if key in known:
        return known[key]
    if not instead:
        raise NotEvaluatedError
    return instead[0]


def _element(items: Json, index: Json) -> Json:
    listed = _list(items)
    if not listed:
        raise NotEvaluatedError
    return listed[int(_number(index)) % len(listed)]


def _one(items: Json) -> Json:
    listed = _list(items)
    if len(listed) > 1:
        raise NotEvaluatedError
    return listed[0] if listed else None


def _merge(*tables: Json) -> Json:
    made: dict[str, Json] = {}
    for one in tables:
        made |= _mapping(one) if one is not None else {}
    return made


def _substr(whole: str, offset: int, length: int) -> str:
    start = offset if offset >= 0 else len(whole) + offset
    return whole[start:] if length < 0 else whole[start : start + length]


def _product(*lists: Json) -> list[Json]:
    made: list[list[Json]] = [[]]
    for one in lists:
        made = [[*head, item] for head in made for item in _list(one)]
        if len(made) > 10_000:
            raise NotEvaluatedError
    return list(made)


def _compact(items: Json) -> list[Json]:
    return [one for one in _list(items) if one not in (None, "")]


def _sort(items: Json) -> list[Json]:
    return sorted(text(one) for one in _list(items))


PLAIN: Mapping[str, Function] = {
    "concat": lambda *lists: [item for one in lists for item in _list(one)],
    "merge": _merge,
    "flatten": _flatten,
    "compact": _compact,
    "distinct": _unique,
    "toset": _set,
    "tolist": _list,
    "tomap": _mapping,
    "tostring": lambda value: None if value is None else text(value),
    "tonumber": _number,
    "keys": lambda table: sorted(_mapping(table)),
    "values": lambda table: [value for _, value in sorted(_mapping(table).items())],
    "one": _one,
    "element": _element,
    "lookup": _lookup,
    "zipmap": lambda names, values: dict(zip(_list(names), _list(values), strict=True)),
    "setproduct": _product,
    "setunion": lambda *lists: _set([item for one in lists for item in _list(one)]),
    "reverse": lambda items: _list(items)[::-1],
    "slice": lambda items, start, end: _list(items)[int(start) : int(end)],
    "jsondecode": json.loads,
    "format": _format,
    "join": lambda between, *lists: between.join(text(item) for one in lists for item in _list(one)),
    "nonsensitive": lambda value: value,
}
"""Functions that handle what they are given whole, so that a name which is not known yet passes through unhurt."""

INTO: Mapping[str, Function] = {
    "length": len,
    "contains": lambda items, value: value in _list(items),
    "sort": _sort,
    "lower": str.lower,
    "upper": str.upper,
    "title": str.title,
    "trimspace": str.strip,
    "trimprefix": lambda whole, head: whole.removeprefix(head),
    "trimsuffix": lambda whole, tail: whole.removesuffix(tail),
    "trim": lambda whole, letters: whole.strip(letters),
    "replace": _replace,
    "split": lambda between, whole: whole.split(between),
    "substr": _substr,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "strcontains": lambda whole, part: part in whole,
    "chomp": lambda whole: whole.rstrip("\r\n"),
    "base64encode": lambda whole: base64.b64encode(whole.encode()).decode(),
    "max": max,
    "min": min,
    "abs": abs,
    "floor": lambda value: int(value // 1),
    "ceil": lambda value: -int(-value // 1),
    "parseint": lambda value, base: int(value, int(base)),
    "alltrue": lambda items: all(one is True for one in _list(items)),
    "anytrue": lambda items: any(one is True for one in _list(items)),
    "range": lambda *limits: list(range(*(int(_number(one)) for one in limits)))[:1024],
}
"""Functions that look into text, or count: of a name that is not known yet, they know nothing."""
