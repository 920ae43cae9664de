"""Vetting of checks: their structure, predicates and parameters, the routes they follow and the values they wait for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from auditor.errors import Mistake
from auditor.files import did_you_mean, shown
from auditor.model import Json
from auditor.predicates import PREDICATES
from auditor.rulebook.draft import Draft, Path
from auditor.rulebook.reading import BESIDE, MODES, QUANTIFIERS
from auditor.rulebook.routes import absolute
from auditor.scope import holes


def check_mistakes(draft: Draft, raw: Json, path: Path, inside: str = "") -> Iterator[Mistake]:
    """Yield what is wrong in a check or a list of checks; `inside` is the item of a list that they look at."""
    for index, item in enumerate(raw if isinstance(raw, list) else [raw]):
        here = (*path, index) if isinstance(raw, list) else path
        if isinstance(item, Mapping) and item:
            yield from _check(draft, item, here, inside)


def _check(draft: Draft, raw: Mapping[str, Json], path: Path, inside: str) -> Iterator[Mistake]:
    mode = next((word for word in MODES if word in raw), None)
    if mode:
        yield from _alone(draft, raw, path, mode, (mode,))
        yield from check_mistakes(draft, raw[mode], (*path, mode), inside)
    elif "in" in raw or any(word in raw for word in QUANTIFIERS):
        yield from _among(draft, raw, path, inside)
    else:
        yield from _single(draft, raw, path, inside)


def _alone(draft: Draft, raw: Mapping[str, Json], path: Path, word: str, known: tuple[str, ...]) -> Iterator[Mistake]:
    for other in raw:
        if other not in known:
            hint = "Write it as a check of its own."
            yield draft.at_key((*path, other), f"{shown(other)} may not stand beside `{word}`.", hint)


def _among(draft: Draft, raw: Mapping[str, Json], path: Path, inside: str) -> Iterator[Mistake]:
    words = [word for word in QUANTIFIERS if word in raw]
    if "in" not in raw:
        yield draft.at_key(
            (*path, words[0]), f"`{words[0]}` needs `in` beside it.", "Name the list that it looks into."
        )
        return
    if len(words) != 1:
        said = "not both" if words else "and here is neither"
        yield draft.at_key((*path, "in"), f"`in` goes with `some` or `every`, {said}.")
        return
    yield from _alone(draft, raw, path, "in", ("in", words[0]))
    if not isinstance(raw["in"], str) or not raw["in"]:
        return
    route = absolute(raw["in"], inside)
    wrong = list(draft.route(route, (*path, "in"))) or list(_no_list(draft, route, (*path, "in")))
    yield from wrong
    if not wrong:
        yield from check_mistakes(draft, raw[words[0]], (*path, words[0]), f"{route}[0]")


def _no_list(draft: Draft, route: str, path: Path) -> Iterator[Mistake]:
    from auditor.kinds import shapes

    head, _, rest = route.partition(".")
    forms = [form for kind in draft.kinds(head) if rest and (form := shapes.form_at(kind, rest)) is not None]
    if forms and all(form.type not in {"list", "any"} and not form.one_or_many for form in forms):
        yield draft.mistake(
            path, f"{rest} is no list, so it has no items.", "Name a list, or write `at` instead of `in`."
        )


def _single(draft: Draft, raw: Mapping[str, Json], path: Path, inside: str) -> Iterator[Mistake]:
    words = [word for word in raw if word not in BESIDE]
    known = [word for word in words if word in PREDICATES]
    for word in words:
        if word not in known:
            yield draft.at_key((*path, word), f"There is no predicate {shown(word)}.", did_you_mean(word, PREDICATES))
    for word in known[1:]:
        sentence = f"A check has one predicate, and `{word}` is the second beside `{known[0]}`."
        yield draft.at_key((*path, word), sentence, "Write two checks.")
    if not words:
        yield draft.mistake(path, "A check needs a predicate beside `at`.", "Such as `equals: Enabled`.")
    at = raw.get("at", ".")
    if not isinstance(at, str) or not at:
        return
    route = absolute(at, inside)
    wrong = list(draft.route(route, (*path, "at") if "at" in raw else path))
    yield from wrong
    if known:
        yield from _parameter(draft, raw, path, known[0], inside)
        if not wrong:
            yield from _literals(draft, raw, path, known[0], route)


def _parameter(draft: Draft, raw: Mapping[str, Json], path: Path, word: str, inside: str) -> Iterator[Mistake]:
    here = (*path, word)
    schema = PREDICATES[word].schema
    mistakes = draft.parameter(here, schema, f"The parameter of `{word}`")
    yield from mistakes
    if not mistakes and isinstance(schema, Mapping) and schema.get("format") == "regex" and isinstance(raw[word], str):
        yield from _pattern(draft, raw[word], here)
    yield from hole_mistakes(draft, raw[word], here, inside)
    if "default" in raw:
        yield from hole_mistakes(draft, raw["default"], (*path, "default"), inside)


def _pattern(draft: Draft, text: str, path: Path) -> Iterator[Mistake]:
    try:
        re.compile(text)
    except re.error as error:
        yield draft.mistake(path, f"{shown(text)} is no regular expression: {error.msg}.")


def _literals(draft: Draft, raw: Mapping[str, Json], path: Path, word: str, route: str) -> Iterator[Mistake]:
    if word == "equals":
        yield from draft.literal(route, (*path, word))
    elif word == "one_of" and isinstance(raw[word], list):
        for index in range(len(raw[word])):
            yield from draft.literal(route, (*path, word, index))
    if "default" in raw:
        yield from draft.literal(route, (*path, "default"))


def hole_mistakes(draft: Draft, value: Json, path: Path, inside: str = "") -> Iterator[Mistake]:
    """Yield every `${…}` anywhere in a value whose route leads nowhere."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from hole_mistakes(draft, part, (*path, key), inside)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from hole_mistakes(draft, part, (*path, index), inside)
    else:
        for hole in holes(value):
            yield from draft.route(absolute(hole, inside), path)
