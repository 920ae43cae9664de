"""Predicates about one value: equals, one_of, at_least, at_most, present, matches, contains."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from auditor.model import Evidence, Json, Text
from auditor.predicates.words import ABSENT, AT_LEAST, AT_MOST, MATCHES, PRESENT
from auditor.scope import Found, Predicate, Scope, object_to

_CONTAINS = Text("contains {}", "{} を含む")


def _equals(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    if type(found.value) is bool or type(wanted) is bool:
        right = found.value is wanted
    else:
        right = found.value == wanted
    return () if right else (object_to(found, wanted, scope),)


def _one_of(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    return () if found.value in wanted else (object_to(found, wanted, scope),)


def _at_least(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    right = _number(found.value) and _number(wanted) and found.value >= wanted
    return () if right else (object_to(found, AT_LEAST.fill(wanted), scope),)


def _at_most(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    right = _number(found.value) and _number(wanted) and found.value <= wanted
    return () if right else (object_to(found, AT_MOST.fill(wanted), scope),)


def _present(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    if (found.value is not None) is wanted:
        return ()
    return (object_to(found, _existence(wanted), scope),)


def _matches(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    right = isinstance(found.value, str) and re.fullmatch(wanted, found.value) is not None
    return () if right else (object_to(found, MATCHES.fill(wanted), scope),)


def _contains(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    held = found.value if isinstance(found.value, list | Mapping) else [] if found.value is None else [found.value]
    missing = [one for one in (wanted if isinstance(wanted, list) else [wanted]) if one not in held]
    return [object_to(found, _CONTAINS.fill(one), scope, key=str(one)) for one in missing]


def _existence(wanted: Json) -> Text:
    return PRESENT if wanted else ABSENT


def _number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_NUMBER: Json = {"type": "number"}

VALUES = (
    Predicate(
        "equals",
        _equals,
        {"type": ["string", "number", "boolean", "array", "object", "null"]},
        Text("The value is exactly this one.", "値がこの値と完全に一致する。"),
        example="{at: Versioning.Status, equals: Enabled}",
        whole=True,
        asks=lambda wanted: wanted,
    ),
    Predicate(
        "one_of",
        _one_of,
        {"type": "array", "minItems": 1},
        Text("The value is one of these.", "値がこのいずれかである。"),
        example="{at: Description.TableStatus, one_of: [ACTIVE, UPDATING]}",
        whole=True,
        asks=lambda wanted: wanted,
    ),
    Predicate(
        "at_least",
        _at_least,
        _NUMBER,
        Text("The value is a number and not below this one.", "値が数値で、この値以上である。"),
        example="{at: ContinuousBackups.PointInTimeRecoveryDescription.RecoveryPeriodInDays, at_least: 7}",
        asks=AT_LEAST.fill,
    ),
    Predicate(
        "at_most",
        _at_most,
        _NUMBER,
        Text("The value is a number and not above this one.", "値が数値で、この値以下である。"),
        example="{at: ContinuousBackups.PointInTimeRecoveryDescription.RecoveryPeriodInDays, at_most: 35}",
        asks=AT_MOST.fill,
    ),
    Predicate(
        "present",
        _present,
        {"type": "boolean"},
        Text("The value exists (true) or does not (false).", "値が存在する (true)、または存在しない (false)。"),
        example="{at: Notification.EventBridgeConfiguration, present: true}",
        asks=_existence,
    ),
    Predicate(
        "matches",
        _matches,
        {"type": "string", "format": "regex"},
        Text(
            "The value is a text that the regular expression matches as a whole.",
            "値が文字列で、正規表現に全体が一致する。",
        ),
        example="{at: Role.Path, matches: /service-role/.*}",
        asks=MATCHES.fill,
    ),
    Predicate(
        "contains",
        _contains,
        {"type": ["string", "number", "array"]},
        Text(
            "The list (or mapping) has this item, or each of these.",
            "リスト (またはマッピング) がこの項目をすべて含む。",
        ),
        example="{at: 'Notification.QueueConfigurations[0].Events', contains: 's3:ObjectCreated:*'}",
        whole=True,
        asks=lambda wanted: _CONTAINS.fill(", ".join(map(str, wanted)) if isinstance(wanted, list) else wanted),
    ),
)
