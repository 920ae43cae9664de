"""Load rule files and vet them offline: schema, predicates and their parameters, routes, enum literals, cases, texts, ids."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import InputError, Mistake, Place, RuleError
from auditor.files import Document, did_you_mean, load_yaml, parse_yaml, read_text, shipped
from auditor.model import EMPTY, Json, Severity
from auditor.rule import Rule
from auditor.rulebook.packs import FILE, Pack, pack_mistakes, read_pack, unused, with_defaults, with_values
from auditor.rulebook.reading import rule_of
from auditor.rulebook.routes import absolute, each_check, wanted_facets, words_read
from auditor.rulebook.vetting import intent_words, rule_mistakes

if TYPE_CHECKING:
    from importlib.abc import Traversable

__all__ = [
    "Pack",
    "absolute",
    "each_check",
    "intent_words",
    "load",
    "pack_mistakes",
    "read",
    "read_pack",
    "selected",
    "wanted_facets",
    "words_read",
]

_NO_RULES = frozenset({"schema", "templates", "__pycache__"})


def load(
    folders: Iterable[Path] = (), *, vet: bool = True, with_shipped: bool = True, with_cases: bool = True
) -> tuple[Rule, ...]:
    """Return the shipped rules and those below `folders`, ordered by id, each with the defaults and values of its pack.

    With `vet` the shipped rules too are checked against AWS's service model; those of `folders` always are. Without
    `with_cases`, shipped rules that are not vetted are read without the cases below them, which are four fifths of their
    files. Raises `RuleError` with all mistakes of all files.
    """
    mistakes: list[Mistake] = []
    rules: list[Rule] = []
    packs: list[Pack] = []
    roots: list[tuple[Traversable | Path, bool]] = [(shipped("rules"), vet)] if with_shipped else []
    for root, thorough in [*roots, *((folder, True) for folder in folders)]:
        before = (len(packs), len(mistakes))
        found = list(_files(root, None, packs, mistakes))
        if not found and before == (len(packs), len(mistakes)):
            mistakes.append(_nothing_in(root))
        for file, pack in found:
            try:
                document = load_yaml(file) if thorough or with_cases else _without_cases(file)
                rules.append(read(document, vet=thorough, pack=pack))
            except InputError as error:
                mistakes.extend(error.mistakes)
    mistakes.extend(_twice(rules))
    rules, wrong = with_values(rules, packs)
    mistakes.extend(wrong)
    if mistakes:
        raise RuleError(mistakes)
    if unread := [mistake for pack in packs for mistake in unused(pack, rules)]:
        raise RuleError(unread)
    return tuple(sorted(rules, key=lambda rule: rule.id))


def _without_cases(file: Traversable | Path) -> Document:
    """Return the document of a shipped rule up to its cases, which come last in all of them."""
    return parse_yaml(read_text(file, name=str(file)).partition("\ntests:\n")[0] + "\n", str(file))


def _nothing_in(root: Traversable | Path) -> Mistake:
    return Mistake(
        Place(str(root)),
        "The folder holds no rule, which is a `*.yaml` file.",
        "Begin one with `auditor rules new ID --rules DIR`, or name another folder.",
    )


def read(document: Document, *, vet: bool = True, pack: Pack | None = None) -> Rule:
    """Return the rule of one document; raises `RuleError` with all its mistakes."""
    whole = with_defaults(document, pack)
    declared = pack.parameters if pack else EMPTY
    mistakes = rule_mistakes(whole, declared) if vet else []
    if mistakes:
        raise RuleError(mistakes)
    rule = rule_of(whole, {**declared, **whole.value.get("parameters", {})}, pack.name if pack else "")
    return _with_own_words(rule, whole.value.get("parameters", {}))


def _with_own_words(rule: Rule, own: Mapping[str, Json]) -> Rule:
    """Leave a rule the words of `intent` that it declares itself, and of its pack's those that it reads."""
    words = {word: schema for word, schema in rule.parameters.items() if word in own or word in words_read(rule)}
    return replace(rule, parameters=words or EMPTY)


def selected(
    rules: Iterable[Rule], select: Iterable[str] = (), skip: Iterable[str] = (), min_severity: Severity = Severity.INFO
) -> tuple[Rule, ...]:
    """Return the rules that an id, tag, pack or severity in `select` names (all when empty) and none in `skip` does.

    Raises `RuleError` with "did you mean" for a word that names nothing.
    """
    everything = tuple(rules)
    words = {word for rule in everything for word in _names(rule)}
    wrong = [word for word in (*select, *skip) if word not in words]
    if wrong:
        raise RuleError(
            Mistake(
                Place("--select/--skip"),
                f"`{word}` is no rule id, tag, pack or severity.",
                did_you_mean(word, words).strip(),
            )
            for word in wrong
        )
    wanted, unwanted = set(select), set(skip)
    return tuple(
        rule
        for rule in everything
        if (not wanted or wanted & _names(rule))
        and not unwanted & _names(rule)
        and rule.severity.rank >= min_severity.rank
    )


def _names(rule: Rule) -> set[str]:
    return {rule.id, *rule.tags, rule.severity.value, *({rule.pack} if rule.pack else ())}


def _files(
    root: Traversable | Path, pack: Pack | None, packs: list[Pack], mistakes: list[Mistake]
) -> Iterator[tuple[Any, Pack | None]]:
    if not root.is_dir():
        mistakes.append(Mistake(Place(str(root)), "There is no such folder of rules.", "Give a folder that exists."))
        return
    entries = sorted(root.iterdir(), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name == FILE:
            try:
                pack = read_pack(entry)
                packs.append(pack)
            except InputError as error:
                mistakes.extend(error.mistakes)
                return  # what its rules may say follows from the pack
    for entry in entries:
        if entry.is_dir():
            if entry.name not in _NO_RULES and not entry.name.startswith("."):
                yield from _files(entry, pack, packs, mistakes)
        elif entry.name.endswith((".yaml", ".yml")) and entry.name != FILE:
            yield entry, pack


def _twice(rules: Iterable[Rule]) -> Iterator[Mistake]:
    first: dict[str, Rule] = {}
    for rule in rules:
        other = first.setdefault(rule.id, rule)
        if other is not rule:
            yield Mistake(
                rule.place, f"The id `{rule.id}` is taken by {other.place}.", "Give this rule an id of its own."
            )
