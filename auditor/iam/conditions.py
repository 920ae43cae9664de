"""Conditions: does a Condition hold for the facts of a request? True, False, or None where nobody can know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from auditor.iam.facts import Facts, Unknown, Value, as_text, facts
from auditor.iam.operators import Operator, parse_operator
from auditor.iam.variables import Template, Unresolved, Variable, read_text, resolve

__all__ = ["Condition", "Kleene", "condition", "evaluate", "holds"]

Kleene = bool | None
# Policies are written alike; a run over all of AWS must not keep growing.
_REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Condition:
    """One operator over one key of a Condition element, its values made ready at parse time.

    `ready` holds the prepared values without variables (None where the text is unfit for the operator), `templates` the
    values that wait for the request's own words.
    """

    written: str
    operator: Operator | None
    qualifier: str
    if_exists: bool
    key: str
    lookup: str
    values: tuple[str, ...]
    ready: tuple[Any, ...]
    templates: tuple[Template, ...]


def condition(written: str, key: str, values: Iterable[str], *, variables: bool = True) -> Condition:
    """Return the condition `{written: {key: values}}` made ready; an operator AWS does not have is kept as unknown."""
    return _condition(written, key, tuple(values), variables)


@lru_cache(maxsize=_REMEMBERED)
def _condition(written: str, key: str, kept: tuple[str, ...], variables: bool) -> Condition:
    operator, qualifier, if_exists = parse_operator(written)
    ready: list[Any] = []
    templates: list[Template] = []
    if operator is not None:
        for value in kept:
            template = read_text(value, variables) if operator.variables else (value,)
            if any(isinstance(part, Variable) for part in template):
                templates.append(template)
            else:
                ready.append(operator.prepare(tuple(part for part in template if not isinstance(part, Variable))))
    return Condition(
        written, operator, qualifier, if_exists, key, key.strip().lower(), kept, tuple(ready), tuple(templates)
    )


def evaluate(
    operator: str,
    key: str,
    values: str | Iterable[Value],
    context: Mapping[str, Value],
    *,
    unknowable: Iterable[str] = (),
    variables: bool = True,
) -> Kleene:
    """Return whether `{operator: {key: values}}` holds for the context: True, False, or None where nobody can know.

    None comes from an operator AWS does not have, or from a key (or a variable's key) listed in `unknowable`.
    """
    listed = [as_text(values)] if isinstance(values, str | bytes | bool | int | float) else [as_text(v) for v in values]
    return holds(condition(operator, key, listed, variables=variables), facts(context, (), unknowable))


def holds(wanted: Condition, known: Facts) -> Kleene:
    """Return whether one condition holds for the facts of a request."""
    if wanted.operator is None:
        return None
    found = known.get(wanted.lookup)
    choices = known.one_of.get(wanted.lookup) if isinstance(found, Unknown) else None
    if not choices:
        return _holds(wanted, wanted.operator, known, found)
    verdicts = {_holds(wanted, wanted.operator, known, None if value is None else (value,)) for value in choices}
    return verdicts.pop() if len(verdicts) == 1 else None


def _holds(wanted: Condition, operator: Operator, known: Facts, found: tuple[str, ...] | Unknown | None) -> Kleene:
    if operator.family == "Null":
        return _null(wanted, found)
    if wanted.if_exists and (found is None or found == ()):
        return True
    ready: tuple[Any, ...] = wanted.ready
    blurred = False
    if wanted.templates:
        filled = _fill(wanted, operator, known)
        if filled is None:
            return None if wanted.if_exists and isinstance(found, Unknown) else False
        ready, blurred = filled
    if isinstance(found, Unknown):
        return None if blurred or any(item is not None for item in ready) else _unfit(wanted, operator)
    if not found or (wanted.qualifier and not any(found)):
        held = _absent(wanted, operator)
        # A variable that turns out to have no value would have kept the statement from matching.
        return None if held and blurred and (operator.negated or not wanted.ready) else held
    return _over(wanted.qualifier, operator.negated, [_any(operator, ready, blurred, value) for value in found])


def _null(wanted: Condition, found: tuple[str, ...] | Unknown | None) -> Kleene:
    asked = set(wanted.ready) - {None}
    if asked == {True, False}:
        return True
    if isinstance(found, Unknown):
        return None if asked else False
    return (not found) in asked


def _absent(wanted: Condition, operator: Operator) -> bool:
    """Judge a missing key: ForAllValues holds, ForAnyValue fails, else only a negated operator holds."""
    if wanted.qualifier:
        return wanted.qualifier == "all"
    return operator.negated


def _unfit(wanted: Condition, operator: Operator) -> Kleene:
    """Judge an unknowable key against values that nothing can match: only its presence could still matter."""
    if operator.negated:
        return None if wanted.qualifier == "any" or operator.reads is not None else True
    return None if wanted.if_exists or wanted.qualifier == "all" else False


def _fill(wanted: Condition, operator: Operator, known: Facts) -> tuple[tuple[Any, ...], bool] | None:
    """Return the values with variables replaced, and whether one is unknowable; None if the statement cannot match.

    An unresolved variable takes its value out of play. If no value is left, or if the operator is negated (so that the
    missing value would have widened the statement), the statement does not match.
    """
    ready = list(wanted.ready)
    blurred = False
    for template in wanted.templates:
        tokens = resolve(template, known)
        if isinstance(tokens, Unknown):
            blurred = True
        elif not isinstance(tokens, Unresolved):
            ready.append(operator.prepare(tokens))
        elif operator.negated:
            return None
    return (tuple(ready), blurred) if ready or blurred else None


def _any(operator: Operator, ready: tuple[Any, ...], blurred: bool, value: str) -> Kleene:
    if operator.negated and operator.reads is not None and operator.reads(value) is None:
        return True
    for candidate in ready:
        if candidate is not None and operator.holds(candidate, value):
            return True
    return None if blurred else False


def _over(qualifier: str, negated: bool, matched: list[Kleene]) -> Kleene:
    """Combine the test of each value of the request: none, any or all of them, negated where the operator is."""
    if negated and qualifier:
        matched = [None if match is None else not match for match in matched]
    if qualifier == "all":
        return False if False in matched else None if None in matched else True
    some = True if True in matched else None if None in matched else False
    return not some if negated and not qualifier and some is not None else some
