"""Rule packs: a folder whose `pack.yaml` names it, gives its rules defaults, and sets values of words of `intent`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from auditor.errors import InputError, Mistake, Place
from auditor.files import Document, did_you_mean, load_json, load_yaml, schema_mistakes, shipped, shown
from auditor.model import EMPTY, Json
from auditor.rule import Rule
from auditor.rulebook.vetting import intent_words, parameter_mistakes
from auditor.version import __version__

FILE = "pack.yaml"


@dataclass(frozen=True, slots=True)
class Pack:
    """What `pack.yaml` says: `defaults` of its rules' fields, words it declares for them, and values it sets."""

    name: str
    version: str
    document: Document
    defaults: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    parameters: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    values: Mapping[str, Json] = field(default_factory=lambda: EMPTY)


def read_pack(file: Any) -> Pack:
    """Return the pack of a `pack.yaml`, or raise `InputError` with all its mistakes."""
    document = load_yaml(file)
    if mistakes := pack_mistakes(document):
        raise InputError(mistakes)
    raw = document.value
    parts = {key: raw.get(key) or EMPTY for key in ("defaults", "parameters", "values")}
    return Pack(raw["name"], raw["version"], document, **parts)


def pack_mistakes(document: Document) -> list[Mistake]:
    """Return all that is wrong in a `pack.yaml`, as far as it can be told without its rules."""
    schema = load_json(shipped("rules") / "schema" / "pack.json", places=False).value
    mistakes = [*schema_mistakes(document, schema), *parameter_mistakes(document, ("parameters",))]
    if not mistakes and (wanted := document.value.get("auditor")) and _older(wanted):
        newer = f"needs auditor {wanted.lstrip('>= ')} or newer, and this is {__version__}"
        sentence = f"The pack {shown(document.value['name'])} {newer}."
        mistakes.append(Mistake(document.place_of(("auditor",)), sentence, "Upgrade auditor."))
    return mistakes


def _older(wanted: str) -> bool:
    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in text.lstrip(">= ").split("."))

    return numbers(__version__) < numbers(wanted)


def with_defaults(document: Document, pack: Pack | None) -> Document:
    """Return a rule's document with what its pack says of every rule: severity where none is given, tags and references added."""
    if pack is None or not pack.defaults or not isinstance(document.value, Mapping):
        return document
    value = dict(document.value)
    for key, default in pack.defaults.items():
        if not isinstance(default, list):
            value.setdefault(key, default)
        elif isinstance(value.get(key, []), list):
            value[key] = [*value.get(key, []), *(item for item in default if item not in value.get(key, []))]
    return replace(document, value=value)


def with_values(rules: Iterable[Rule], packs: Iterable[Pack]) -> tuple[list[Rule], list[Mistake]]:
    """Return the rules with what packs set for the words that they read, and the mistakes in those settings."""
    book, listed = list(rules), list(packs)
    declared: dict[str, Json] = dict(intent_words())
    for rule in book:
        declared.update(rule.parameters)
    mistakes = [*_conflicts(book), *(one for pack in listed for one in _wrong(pack, declared))]
    values: dict[str, tuple[Json, Pack]] = {}
    for pack in listed:
        for word, value in pack.values.items():
            other = values.setdefault(word, (value, pack))
            if other[0] != value:
                sentence = f"The pack {shown(other[1].name)} sets {shown(word)} to {shown(other[0])}."
                place = pack.document.place_of(("values", word))
                mistakes.append(Mistake(place, sentence, "Let only one of them set it, or the pipelines themselves."))
    return [_valued(rule, declared, values) for rule in book], mistakes


def _wrong(pack: Pack, declared: Mapping[str, Json]) -> Iterator[Mistake]:
    for word in pack.values:
        if word not in declared:
            place = pack.document.key_place(("values", word))
            yield Mistake(place, f"No rule reads a word {shown(word)}.", did_you_mean(word, declared).strip())
        else:
            yield from schema_mistakes(pack.document.part(("values", word)), declared[word], whole=shown(word))


def _conflicts(rules: Iterable[Rule]) -> Iterator[Mistake]:
    """Yield words of `intent` that two rules declare differently: a pipeline can say them only once."""
    first: dict[str, tuple[Json, Rule]] = {}
    for rule in rules:
        for word, schema in rule.parameters.items():
            known, other = first.setdefault(word, (schema, rule))
            if known != schema:
                sentence = f"The word {shown(word)} is declared differently by `{other.id}` at {other.place}."
                yield Mistake(rule.place, sentence, "Declare it alike, or once in pack.yaml.")


def _valued(rule: Rule, declared: Mapping[str, Json], values: Mapping[str, tuple[Json, Pack]]) -> Rule:
    """Return a rule to which the packs' values are defaults: of its own words, and of those that every pipeline knows."""
    words = {word: declared[word] for word in values if word in rule.parameters or word in intent_words()}
    set_now = {word: {**schema, "default": values[word][0]} for word, schema in words.items()}
    return replace(rule, parameters={**rule.parameters, **set_now}) if set_now else rule


def unused(pack: Pack, rules: Iterable[Rule]) -> Iterator[Mistake]:
    """Yield the words that a pack declares and none of its rules reads."""
    read = {word for rule in rules if rule.pack == pack.name for word in rule.parameters}
    for word in pack.parameters:
        if word not in read:
            place: Place = pack.document.key_place(("parameters", word))
            yield Mistake(place, f"No rule of the pack reads `intent.{word}`.", "Remove it, or read it in a rule.")
