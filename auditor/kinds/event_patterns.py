"""EventBridge's event patterns: which parts of a pattern an event meets, three-valued where a part is not known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from auditor.model import Json, Unread

Meets = bool | None
"""`None`: it cannot be told, because a part of the pattern or of the event is not known."""


@dataclass(frozen=True, slots=True)
class Free:
    """A text of an event that may be chosen: whatever a pattern asks of it can be met."""


@dataclass(frozen=True, slots=True)
class Between:
    """A number of an event of which only the bounds are known, both included."""

    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Leaf:
    """One part of a pattern, where it stands, and whether the event meets it."""

    route: str
    wanted: Json
    found: Json
    meets: Meets


_ABSENT = object()


def matches(pattern: Json, event: Json) -> Meets:
    """Tell whether an event matches a pattern: all of its parts must."""
    return every(leaf.meets for leaf in leaves(pattern, event))


def leaves(pattern: Json, event: Json, route: str = "") -> Iterator[Leaf]:
    """Yield each part of a pattern with its verdict.

    A pattern that is no mapping (a rule with a schedule only) matches nothing; an unread one is one unknown part.
    """
    if isinstance(pattern, Unread):
        yield Leaf(route, pattern, None, None)
    elif not isinstance(pattern, Mapping) or not pattern:
        yield Leaf(route, pattern, None, meets=False)
    else:
        yield from _fields(pattern, event, route)


def _fields(pattern: Mapping[str, Json], event: Json, route: str) -> Iterator[Leaf]:
    for key, part in pattern.items():
        here = f"{route}.{key}" if route else key
        if key == "$or" and isinstance(part, list):
            yield Leaf(here, part, None, some(matches(branch, event) for branch in part))
            continue
        value = event.get(key, _ABSENT) if isinstance(event, Mapping) else _ABSENT
        if isinstance(part, Mapping):
            yield from leaves(part, {} if value is _ABSENT else value, here)
        else:
            yield Leaf(here, part, None if value is _ABSENT else value, _leaf(part, value))


def every(verdicts: Iterable[Meets]) -> Meets:
    """Return false when one is, else unknown when one is, else true."""
    known = list(verdicts)
    return False if False in known else None if None in known else True


def some(verdicts: Iterable[Meets]) -> Meets:
    """Return true when one is, else unknown when one is, else false."""
    known = list(verdicts)
    return True if True in known else None if None in known else False


def _leaf(part: Json, value: Json) -> Meets:
    if isinstance(part, Unread):
        return None
    if not isinstance(part, list):
        return False
    values = value if isinstance(value, list) and value else [value]
    return some(_alternative(one, single) for one in part for single in values)


def _alternative(wanted: Json, value: Json) -> Meets:
    if isinstance(wanted, Unread):
        return None
    if isinstance(wanted, Mapping):
        return _operators(wanted, value)
    if value is _ABSENT:
        return False
    if isinstance(value, Free):
        return True
    if isinstance(value, Unread):
        return None
    return _numeric(["=", wanted], value) if isinstance(value, Between) else _same(wanted, value)


def _operators(wanted: Mapping[str, Json], value: Json) -> Meets:
    if len(wanted) != 1:
        return None
    ((operator, operand),) = wanted.items()
    if isinstance(operand, Unread):
        return None
    if operator == "exists":
        return (value is not _ABSENT) is operand
    if value is _ABSENT:
        return False
    if isinstance(value, Free):
        return True
    known = _OPERATORS.get(operator)
    return None if isinstance(value, Unread) or known is None else known(operand, value)


def _same(wanted: Json, value: Json) -> bool:
    return type(wanted) is type(value) and bool(wanted == value) if isinstance(value, bool) else bool(wanted == value)


def _text(test: Callable[[str, str], bool]) -> Callable[[Json, Json], Meets]:
    """Return the operator for a test of two texts; the operand may also be `{equals-ignore-case: text}`."""

    def judge(operand: Json, value: Json) -> Meets:
        if not isinstance(value, str):
            return False
        if isinstance(operand, Mapping):
            inner = operand.get("equals-ignore-case")
            return test(inner.casefold(), value.casefold()) if isinstance(inner, str) and len(operand) == 1 else None
        return test(operand, value) if isinstance(operand, str) else None

    return judge


def _wildcard(operand: str, value: str) -> bool:
    r"""Match `*` as any run of characters; `\*` is a star and `\\` a backslash. The time is that of finding each text once."""
    texts = [""]
    for piece in re.findall(r"\\[*\\]|[\s\S]", operand):
        if piece == "*":
            texts.append("")
        else:
            texts[-1] += piece[-1]
    first, *others = texts
    if not others:
        return value == first
    *middle, last = others
    if len(value) < len(first) + len(last) or not value.startswith(first) or not value.endswith(last):
        return False
    at, end = len(first), len(value) - len(last)
    for text in middle:
        at = value.find(text, at, end)
        if at < 0:
            return False
        at += len(text)
    return True


def _numeric(operand: Json, value: Json) -> Meets:
    if isinstance(value, bool) or not isinstance(value, int | float | Between):
        return False
    if not isinstance(operand, list) or len(operand) % 2 or not operand:
        return None
    return every(_compared(operand[index], operand[index + 1], value) for index in range(0, len(operand), 2))


def _compared(operator: Json, bound: Json, value: float | Between) -> Meets:
    compare = _COMPARISONS.get(operator) if isinstance(operator, str) else None
    if compare is None or isinstance(bound, bool) or not isinstance(bound, int | float):
        return None if compare is None or isinstance(bound, Unread) else False
    if not isinstance(value, Between):
        return compare(value, bound)
    if operator == "=":
        return False if not value.low <= bound <= value.high else True if value.low == value.high else None
    ends = {compare(value.low, bound), compare(value.high, bound)}
    return ends.pop() if len(ends) == 1 else None


def _anything_but(operand: Json, value: Json) -> Meets:
    if isinstance(operand, Mapping):
        if len(operand) != 1:
            return None
        ((operator, inner),) = operand.items()
        known = _OPERATORS.get(operator) if operator in {"prefix", "suffix", "wildcard", "equals-ignore-case"} else None
        if known is None or isinstance(inner, Unread):
            return None
        hit = some(known(one, value) for one in (inner if isinstance(inner, list) else [inner]))
    else:
        unwanted = operand if isinstance(operand, list) else [operand]
        hit = some(_alternative(one, value) for one in unwanted)
    return None if hit is None else not hit


_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda value, bound: value == bound,
    "<": lambda value, bound: value < bound,
    "<=": lambda value, bound: value <= bound,
    ">": lambda value, bound: value > bound,
    ">=": lambda value, bound: value >= bound,
}

_OPERATORS: Mapping[str, Callable[[Json, Json], Meets]] = {
    "prefix": _text(lambda wanted, value: value.startswith(wanted)),
    "suffix": _text(lambda wanted, value: value.endswith(wanted)),
    "equals-ignore-case": _text(lambda wanted, value: value.casefold() == wanted.casefold()),
    "wildcard": _text(_wildcard),
    "numeric": _numeric,
    "anything-but": _anything_but,
}
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html; others (`cidr`) are "
"unknown."""

_SIZES = Between(1, 5 * 2**40)


def object_created(bucket: Mapping[str, Json], key: Json, reason: str) -> Json:
    """Return the event that S3 sends for a new object, as far as it is known beforehand.

    `bucket` has its Name, Arn, Account and Region (each may be unread); `key` may be `Free`. The shape is in the S3
    User Guide: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
    """
    unknown = Unread("OnlyInTheEvent")
    return {
        "version": "0",
        "id": unknown,
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": bucket.get("Account"),
        "time": unknown,
        "region": bucket.get("Region"),
        "resources": [bucket.get("Arn")],
        "detail": {
            "version": "0",
            "bucket": {"name": bucket.get("Name")},
            "object": {"key": key, "size": _SIZES, "etag": unknown, "version-id": unknown, "sequencer": unknown},
            "request-id": unknown,
            "requester": unknown,
            "source-ip-address": unknown,
            "reason": reason,
        },
    }
