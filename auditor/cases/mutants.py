"""What the cases of a rule would not notice: every check dropped, negated or changed, one at a time."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from auditor.cases.running import unlawful, unmet
from auditor.cases.standard import snapshot_of
from auditor.errors import AuditorError, Place
from auditor.model import Json, Snapshot
from auditor.predicates import PREDICATES
from auditor.rule import Among, AnyCheck, Case, Check, Combined, Rule

_SWAPPED = {"some": "every", "every": "some", "any": "all", "all": "any"}
_NOWHERE = "nowhere"

Variant = tuple[Place, str, tuple[AnyCheck, ...]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """A rule that differs from its original in one thing: where, and what."""

    rule: Rule
    place: Place
    change: str

    def __str__(self) -> str:
        return f"{self.place}: {self.rule.id}: no case notices {self.change}"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many mutants were tried, and those that no case noticed."""

    tried: int
    unnoticed: tuple[Mutant, ...]


def coverage(rules: Iterable[Rule]) -> Coverage:
    """Return how well the cases beside the rules would notice a mistake in them."""
    tried, unnoticed = 0, []
    for rule in rules:
        cases = [(case, snapshot_of(case)) for case in rule.cases]
        for mutant in mutants(rule):
            tried += 1
            if not _noticed(mutant, rule, cases):
                unnoticed.append(mutant)
    return Coverage(tried, tuple(unnoticed))


def mutants(rule: Rule) -> Iterator[Mutant]:
    """Yield every variant of a rule with one check, parameter or edit changed."""
    for place, change, checks in _variants(rule.checks):
        yield Mutant(replace(rule, checks=checks), place, change)
    for place, change, when in _variants(rule.when):
        yield Mutant(replace(rule, when=when), place, change)
    if rule.fix and len(rule.fix.edits) > 1:
        for index, edit in enumerate(rule.fix.edits):
            fewer = (*rule.fix.edits[:index], *rule.fix.edits[index + 1 :])
            mutated = replace(rule, fix=replace(rule.fix, edits=fewer))
            yield Mutant(mutated, edit.place, f"that the edit `{edit.action}` of {edit.facet} is gone")


def _noticed(mutant: Mutant, rule: Rule, cases: Iterable[tuple[Case, Snapshot]]) -> bool:
    fix_only = mutant.rule.fix is not rule.fix
    for case, snapshot in cases:
        try:
            if next(unlawful(mutant.rule, case, snapshot) if fix_only else unmet(mutant.rule, case, snapshot), None):
                return True
        except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError, AuditorError):
            return True  # a predicate that cannot work with the changed parameter notices it too
    return False


def _variants(checks: tuple[AnyCheck, ...]) -> Iterator[Variant]:
    for index, check in enumerate(checks):
        before, after = checks[:index], checks[index + 1 :]
        words = _words(check)
        yield check.place, f"that {words} is gone", (*before, *after)
        yield check.place, f"that {words} is negated", (*before, Combined("not", (check,), check.place), *after)
        for place, change, one in _changed(check):
            yield place, change, (*before, one, *after)


def _changed(check: AnyCheck) -> Iterator[tuple[Place, str, AnyCheck]]:
    if isinstance(check, Check):
        for change, wanted in _changes(check.wanted, check.predicate):
            yield check.place, f"{change} in {_words(check)}", replace(check, wanted=wanted)
        if check.has_default:
            yield check.place, f"that {_words(check)} has no default", replace(check, default=None, has_default=False)
        return
    if isinstance(check, Among):
        other = _SWAPPED[check.quantifier]
        yield check.place, f"`{other}` for `{check.quantifier}` in {_words(check)}", replace(check, quantifier=other)
    elif check.mode in _SWAPPED and len(check.checks) > 1:
        other = _SWAPPED[check.mode]
        yield check.place, f"`{other}` for `{check.mode}`", replace(check, mode=other)
    for place, change, inner in _variants(check.checks):
        yield place, change, replace(check, checks=inner)


def _changes(wanted: Json, predicate: str) -> Iterator[tuple[str, Json]]:
    """Yield each allowed parameter that differs from `wanted` in one part, with words for the difference."""
    from jsonschema import Draft202012Validator

    schema = PREDICATES[predicate].schema
    validator = Draft202012Validator(schema)
    seen = [wanted]
    for path, variants in _parts(wanted, schema, ()):
        for words, part in variants:
            whole = _with(wanted, path, part)
            if whole not in seen and all(_open(error.instance) for error in validator.iter_errors(whole)):
                seen.append(whole)
                yield words, whole
                break


def _open(value: Json) -> bool:
    return isinstance(value, str) and "${" in value


class _Gone:
    """Stands for a part that is taken out."""


_GONE = _Gone()
Path = tuple["str | int", ...]


def _parts(value: Json, schema: Json, path: Path) -> Iterator[tuple[Path, list[tuple[str, Json]]]]:
    """Yield the places of a parameter, each with the values to try there; the first one that is allowed is used."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if part != _default(schema, key):  # what is the default changes nothing by going
                yield (*path, key), [(f"that `{key}` is gone", _GONE)]
            yield from _parts(part, schema, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            if len(value) > 1:
                yield (*path, index), [(f"that `{part}` is gone", _GONE)]
            yield from _parts(part, schema, (*path, index))
    elif isinstance(value, bool):
        yield path, [(f"`{str(not value).lower()}` for `{str(value).lower()}`", not value)]
    elif isinstance(value, int | float):
        yield path, [(f"`{value + 1}` for `{value}`", value + 1)]
        yield path, [(f"`{value - 1}` for `{value}`", value - 1)]
    elif isinstance(value, str):
        others = [_NOWHERE] if _open(value) else [*_siblings(value, schema), f"{value}x"]
        yield path, [(f"`{other}` for `{value}`", other) for other in others]


def _default(schema: Json, key: str) -> Json:
    """Return the default that a schema gives to a key of a mapping; a value of its own when there is none."""
    known = schema.get("properties", {}).get(key) if isinstance(schema, Mapping) else None
    return known["default"] if isinstance(known, Mapping) and "default" in known else _GONE


def _siblings(value: str, schema: Json) -> Iterator[str]:
    """Yield the words that a schema allows where it allows this one."""
    if isinstance(schema, Mapping):
        words = schema.get("enum")
        if isinstance(words, list) and value in words:
            yield from (word for word in words if isinstance(word, str) and word != value)
        for part in schema.values():
            yield from _siblings(value, part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _siblings(value, part)


def _with(value: Json, path: Path, part: Json) -> Json:
    if not path:
        return part
    changed = copy.copy(value)
    if part is _GONE and len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = _with(value[path[0]], path[1:], part)
    return changed


def _words(check: AnyCheck) -> str:
    if isinstance(check, Check):
        return f"`{check.at} {check.predicate}`" if check.at != "." else f"`{check.predicate}`"
    if isinstance(check, Among):
        return f"`in: {check.route}`"
    return f"`{check.mode}`"
