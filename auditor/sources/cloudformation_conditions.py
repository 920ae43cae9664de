"""Conditions of a template: true, false, or why that cannot be told."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from auditor.kinds.parts import Part, plain, truth
from auditor.model import Json, Text, Unread
from auditor.scope import first_unread
from auditor.sources.cloudformation_written import Written

Verdict = bool | Unread
Resolve = Callable[[Written], "Part | None"]


def decided(written: Written, named: Callable[[str], Verdict], resolve: Resolve) -> Verdict:
    """Return the verdict of a condition, given those of named ones and what values are."""
    if not isinstance(written.value, dict) or len(written.value) != 1:
        return Unread(
            "Malformed",
            detail=Text(
                f"{written.place}: a condition is expected here.", f"{written.place}: ここには条件が必要です。"
            ),
        )
    name, inner = next(iter(written.items()))
    if name == "Condition" and isinstance(inner.value, str):
        return named(inner.value)
    if name == "Fn::Equals":
        return _equals(inner, resolve)
    if name in {"Fn::And", "Fn::Or", "Fn::Not"}:
        verdicts = [decided(one, named, resolve) for one in inner.each()]
        return (
            _combined(name, verdicts)
            if verdicts
            else Unread(
                "Malformed",
                detail=Text(f"{inner.place}: {name} of nothing.", f"{inner.place}: {name} の中身がありません。"),
            )
        )
    return Unread(
        "Malformed",
        detail=Text(f"{written.place}: {name} is no condition.", f"{written.place}: {name} は条件ではありません。"),
    )


def _combined(name: str, verdicts: list[Verdict]) -> Verdict:
    if name == "Fn::Not":
        return verdicts[0] if isinstance(verdicts[0], Unread) else not verdicts[0]
    deciding = name == "Fn::Or"
    if any(one is deciding for one in verdicts):
        return deciding
    return next((one for one in verdicts if isinstance(one, Unread)), not deciding)


def _equals(inner: Written, resolve: Resolve) -> Verdict:
    sides = [plain(resolve(one)) for one in inner.each()]
    if len(sides) != 2:
        return Unread(
            "Malformed",
            detail=Text(
                f"{inner.place}: Fn::Equals takes two values.", f"{inner.place}: Fn::Equals には値が 2 つ必要です。"
            ),
        )
    return same_value(sides)


def same_value(sides: Iterable[Json]) -> Verdict:
    """Tell whether two values are equal for CloudFormation, which compares their text."""
    one, other = sides
    if hit := first_unread([one, other]):
        return hit[1]
    if _said(one) == _said(other):
        return True
    # Unquoted `True` and `yes` are booleans in CloudFormation's YAML, and text here: whether quotes stood there is lost.
    if isinstance(one, str) and isinstance(other, str) and truth(one) is not None and truth(one) == truth(other):
        return Unread(
            "Unresolved",
            detail=Text(
                f"Whether {one} and {other} are equal depends on their quotes.",
                f"{one} と {other} が等しいかどうかは引用符の扱いで変わります。",
            ),
        )
    return False


def _said(value: Json) -> Json:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return [_said(one) for one in value] if isinstance(value, list) else value
