"""Evaluate expressions of Terraform's language, three-valued: what depends on something unknown is unread, and no more."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.model import EMPTY, Json, Text, Unread
from auditor.scope import first_unread
from auditor.sources.terraform_functions import INTO, PLAIN, NotEvaluatedError, text
from auditor.sources.terraform_trees import (
    Call,
    For,
    Get,
    Listing,
    Literal,
    Name,
    Operation,
    Splat,
    Table,
    Template,
    Tree,
)

NOT_EVALUATED = "NotEvaluated"
_STEPS = 200_000


@dataclass(frozen=True, slots=True)
class Later:
    """A value whose attributes are read when they are asked for: a resource, a module, `var`."""

    read: Callable[[str | int], Json]
    items: Mapping[str | int, Json] | None = None
    """The instances by key, where there are several."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What the names of an expression stand for: `look(name)` for the first word, and the variables of loops."""

    look: Callable[[str], Json]
    names: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    left: list[int] = field(default_factory=lambda: [_STEPS])
    """How many steps an evaluation may still take: loops in loops end."""

    def inside(self, names: Mapping[str, Json]) -> Scope:
        """Return the scope inside a loop."""
        return replace(self, names={**self.names, **names})


def unread(what: str) -> Unread:
    """Return why a value is not known: it cannot be evaluated."""
    return Unread(NOT_EVALUATED, detail=Text(f"{what} cannot be evaluated.", f"{what} を評価できません。"))


def evaluate(tree: Tree, scope: Scope) -> Json:
    """Return the value of an expression; parts of it may be `Unread` (never a `Later`)."""
    return settled(_value(tree, scope))


def settled(value: Json) -> Json:
    """Return a value without what can only be asked for its attributes."""
    if isinstance(value, Later):
        return unread("A whole resource")
    if isinstance(value, Mapping):
        return {name: settled(part) for name, part in value.items()}
    return [settled(part) for part in value] if isinstance(value, list) else value


def _value(tree: Tree, scope: Scope) -> Json:
    scope.left[0] -= 1
    if scope.left[0] < 0:
        return unread("An expression of this size")
    if isinstance(tree, Literal):
        return tree.value
    if isinstance(tree, Name):
        return scope.names[tree.name] if tree.name in scope.names else scope.look(tree.name)
    if isinstance(tree, Get):
        return got(_value(tree.of, scope), _value(tree.key, scope))
    if isinstance(tree, Template):
        return _joined([_value(part, scope) for part in tree.parts])
    if isinstance(tree, Listing):
        return [_value(item, scope) for item in tree.items]
    if isinstance(tree, Table):
        return _table(tree, scope)
    if isinstance(tree, Call):
        return _called(tree, scope)
    if isinstance(tree, Operation):
        return _operated(tree, scope)
    return _splat(tree, scope) if isinstance(tree, Splat) else _looped(tree, scope)


def got(value: Json, key: Json) -> Json:
    """Return an attribute or item of a value; what is not there is unread, for Terraform would refuse it."""
    if isinstance(value, Unread) or isinstance(key, Unread):
        return value if isinstance(value, Unread) else key
    if isinstance(value, Later):
        return value.read(key)
    if isinstance(value, Mapping) and text_or_none(key) in value:
        return value[text_or_none(key)]
    if isinstance(value, list) and isinstance(key, int | str) and str(key).isdecimal() and int(key) < len(value):
        return value[int(key)]
    return unread(f"The item {key!r}")


def text_or_none(value: Json) -> Json:
    """Return a scalar as text, `None` for any other value."""
    try:
        return text(value)
    except NotEvaluatedError:
        return None


def _joined(parts: list[Json]) -> Json:
    for part in parts:
        if (hit := first_unread(part)) is not None:
            return hit[1]
    try:
        return "".join(text(part) for part in parts)
    except NotEvaluatedError:
        return unread("A template with a part that is no text")


def _table(tree: Table, scope: Scope) -> Json:
    made: dict[str, Json] = {}
    for name, part in tree.pairs:
        key = _value(name, scope)
        if isinstance(key, Unread):
            return key
        if (said := text_or_none(key)) is None:
            return unread("A key")
        made[said] = _value(part, scope)
    return made


def items_of(value: Json) -> list[tuple[Json, Json]] | Unread:
    """Return what a loop goes through: pairs of a key (or index) and a value."""
    if isinstance(value, Unread):
        return value
    if isinstance(value, Later):
        return list(value.items.items()) if value.items is not None else unread("A loop")
    if isinstance(value, Mapping):
        return sorted(value.items())
    if isinstance(value, list):
        return list(enumerate(value))
    return unread("A loop over what is no list")


def _splat(tree: Splat, scope: Scope) -> Json:
    over = _value(tree.of, scope)
    if isinstance(over, Later) and over.items is None:
        pairs: list[tuple[Json, Json]] | Unread = [(0, over)]
    elif over is None or not isinstance(over, Unread | Later | list):
        pairs = [] if over is None else [(0, over)]
    else:
        pairs = items_of(over)
    if isinstance(pairs, Unread):
        return pairs
    return [_value(tree.rest, scope.inside({"*": one})) for _, one in pairs]


def _looped(tree: For, scope: Scope) -> Json:
    pairs = items_of(_value(tree.over, scope))
    if isinstance(pairs, Unread):
        return pairs
    listed: list[Json] = []
    table: dict[str, Json] = {}
    for key, one in pairs:
        names = {tree.names[-1]: one} | ({tree.names[0]: key} if len(tree.names) > 1 else {})
        inner = scope.inside(names)
        wanted = True if tree.condition is None else _value(tree.condition, inner)
        if not isinstance(wanted, bool):
            return wanted if isinstance(wanted, Unread) else unread("A condition")
        if not wanted:
            continue
        value = _value(tree.value, inner)
        if tree.key is None:
            listed.append(value)
            continue
        name = text_or_none(_value(tree.key, inner))
        if name is None:
            return unread("A key of a loop")
        table[name] = [*table.get(name, []), value] if tree.grouped else value
    return listed if tree.key is None else table


_SIGNS: Mapping[str, Callable[[Any, Any], Json]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": operator.mod,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}


def _operated(tree: Operation, scope: Scope) -> Json:
    if tree.sign == "?":
        return _conditional(tree, scope)
    values = [_value(one, scope) for one in tree.operands]
    if tree.sign in {"&&", "||"}:
        return _logic(values, deciding=tree.sign == "||")
    if (hit := first_unread([settled(one) for one in values])) is not None:
        return hit[1]
    if len(values) == 1:
        return _single(tree.sign, values[0])
    if tree.sign in {"==", "!="}:
        return _compared(values, equal=tree.sign == "==")
    if not all(isinstance(one, int | float) and not isinstance(one, bool) for one in values):
        return unread(f"`{tree.sign}` of what are no numbers")
    try:
        return _SIGNS[tree.sign](*values)
    except (ArithmeticError, OverflowError):
        return unread(f"`{tree.sign}`")


def _single(sign: str, value: Json) -> Json:
    if sign == "!" and isinstance(value, bool):
        return not value
    return -value if sign == "-" and isinstance(value, int | float) else unread(f"`{sign}`")


def _compared(values: list[Json], *, equal: bool) -> Json:
    left, right = values
    if left != right and (_stands_in(left) or _stands_in(right)):
        return unread("A comparison with a name that is known only after apply")
    return (left == right) is equal


def _conditional(tree: Operation, scope: Scope) -> Json:
    test = _value(tree.operands[0], scope)
    if isinstance(test, bool):
        return _value(tree.operands[1 if test else 2], scope)
    if test in ("true", "false"):
        return _value(tree.operands[1 if test == "true" else 2], scope)
    return test if isinstance(test, Unread) else unread("A condition")


def _logic(values: list[Json], *, deciding: bool) -> Json:
    if any(one is deciding for one in values):
        return deciding
    return next((one for one in values if not isinstance(one, bool)), not deciding)


def _stands_in(value: Json) -> bool:
    return isinstance(value, str) and "(" in value


def _called(tree: Call, scope: Scope) -> Json:
    if tree.name in {"try", "coalesce", "can", "coalescelist"}:
        return _first(tree, scope)
    values = [_value(one, scope) for one in tree.arguments]
    if tree.spread:
        last = values.pop()
        if not isinstance(last, list):
            return last if isinstance(last, Unread) else unread(f"{tree.name}()")
        values += last
    if tree.name == "jsonencode" and len(values) == 1:
        return encoded(settled(values[0]))
    if tree.name == "sensitive":
        return Unread(
            "Sensitive",
            detail=Text(
                "The configuration marks it as sensitive, so it is not looked at.",
                "構成で sensitive 指定されているため参照しません。",
            ),
        )
    return _plainly(tree.name, [_expanded(one) for one in values])


def _expanded(value: Json) -> Json:
    """Return the instances of a resource that is repeated as a list or mapping."""
    if isinstance(value, Later) and value.items is not None:
        numbered = all(isinstance(key, int) for key in value.items)
        return list(value.items.values()) if numbered else dict(value.items)
    return value


def encoded(value: Json) -> Json:
    """Return the JSON text of a value; the value itself when a part of it is not known."""
    if first_unread(value) is not None:
        return value
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _plainly(name: str, values: list[Json]) -> Json:
    function = PLAIN.get(name) or INTO.get(name)
    if function is None:
        return unread(f"{name}()")
    if name in INTO:
        found = first_unread([settled(one) for one in values])
        if found is not None:
            return found[1]
        if any(_stands_in(one) for one in _leaves(values)):
            return unread(f"{name}() of a name that is known only after apply")
    elif (lost := next((one for one in values if isinstance(one, Unread)), None)) is not None:
        return lost
    elif name in {"format", "join"} and (hit := first_unread([settled(one) for one in values])) is not None:
        return hit[1]
    try:
        return function(*values)
    except (NotEvaluatedError, TypeError, ValueError, AttributeError, IndexError, KeyError, RecursionError):
        return unread(f"{name}()")


def _leaves(value: Json) -> Iterable[Json]:
    if isinstance(value, Mapping):
        for part in value.values():
            yield from _leaves(part)
    elif isinstance(value, list):
        for part in value:
            yield from _leaves(part)
    else:
        yield value


def _first(tree: Call, scope: Scope) -> Json:
    """Return the first argument that has a value: `try` takes what does not fail, `coalesce` what is not null or empty.

    What cannot be evaluated here may have a value in Terraform, or fail: it ends the search.
    """
    if tree.name == "can":
        return unread("can()")
    empty: tuple[Json, ...] = (None, "") if tree.name == "coalesce" else ([],) if tree.name == "coalescelist" else ()
    for one in tree.arguments:
        value = _value(one, scope)
        if tree.name == "try" and isinstance(value, Unread) and value.reason == NOT_EVALUATED and _fails(one, scope):
            continue
        if not any(value == none and type(value) is type(none) for none in empty):
            return value
    return unread(f"{tree.name}()")


def _fails(tree: Tree, scope: Scope) -> bool:
    """Tell whether Terraform would fail too: an item that is not there, of a value that is known."""
    if not isinstance(tree, Get):
        return False
    of, key = _value(tree.of, scope), _value(tree.key, scope)
    if isinstance(of, Unread):
        return _fails(tree.of, scope)
    if isinstance(of, Later):
        return of.items is not None and not isinstance(key, Unread) and key not in of.items
    return of is None or isinstance(of, Mapping | list | str)
