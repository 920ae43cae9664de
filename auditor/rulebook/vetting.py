"""Vetting of a rule file, offline: its structure, and everything that names something which must exist."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

from auditor.edits import EDITS
from auditor.errors import Mistake
from auditor.files import Document, did_you_mean, load_json, schema_mistakes, shipped, shown
from auditor.kinds import KINDS, nodes
from auditor.model import EMPTY, Json
from auditor.rulebook.checks import check_mistakes, hole_mistakes
from auditor.rulebook.draft import Draft, Path
from auditor.rulebook.given import case_mistakes

STRUCTURE = ("at", "default", "in", "some", "every", "any", "all", "not")
"""The words of a check that are no predicates."""


def rule_mistakes(document: Document, parameters: Mapping[str, Json] = EMPTY) -> list[Mistake]:
    """Return all that is wrong in a rule file, in the order of its lines.

    `parameters` are the words of `intent` that the rule's pack declares.
    """
    structural = [_twinned(mistake) for mistake in schema_mistakes(document, structure())]
    raw = document.value
    if not isinstance(raw, Mapping):
        return structural
    draft = Draft(document, _subjects(raw), {**intent_words(), **parameters, **_parameters(raw)})
    mistakes = [
        *structural,
        *_subject_mistakes(draft, raw),
        *_id_mistakes(draft, raw),
        *parameter_mistakes(document, ("parameters",)),
        *check_mistakes(draft, raw.get("when"), ("when",)),
        *check_mistakes(draft, raw.get("check"), ("check",)),
        *_fix_mistakes(draft, raw.get("fix")),
        *case_mistakes(draft),
    ]
    return sorted(dict.fromkeys(mistakes), key=lambda one: (one.place.line, one.place.column, one.sentence))


def _twinned(mistake: Mistake) -> Mistake:
    """Say of a text without its twin why it needs one."""
    if mistake.sentence.endswith((" needs `en`.", " needs `ja`.", " needs `en` and `ja`.")):
        return replace(mistake, hint="Every text stands in English and in Japanese.")
    return mistake


@cache
def structure() -> Json:
    """Return the JSON Schema of a rule's structure; words that tables explain (predicates, edits, nodes) are left open."""
    schema = copy.deepcopy(load_json(shipped("rules") / "schema" / "rule.json", places=False).value)
    definitions = schema["$defs"]
    for name in ("check", "item_check"):
        if name in definitions:
            properties = definitions[name]["properties"]
            definitions[name]["properties"] = {word: properties[word] for word in STRUCTURE}
            definitions[name].pop("additionalProperties", None)
            definitions[name]["properties"]["at"] = {"type": "string", "minLength": 1}
    edit = definitions["fix"]["properties"]["edits"]["items"]
    edit["properties"] = {"facet": {"type": "string", "minLength": 1}, "node": {"type": "string"}}
    edit.pop("additionalProperties", None)
    node: Json = {"type": "string", "minLength": 1}
    several: Json = {"type": "array", "minItems": 1, "uniqueItems": True, "items": node}
    schema["properties"]["subject"] = {"anyOf": [node, several]}
    case = definitions["case"]["properties"]
    case["given"] = {"type": "object", "propertyNames": {"enum": [*nodes(), "intent", "taken_at"]}}
    case["after"] = {"type": "object"}
    case["node"] = {"type": "string"}
    return schema


@cache
def intent_words() -> Mapping[str, Json]:
    """Return the words of `intent` that every pipeline knows, by the schema of their values."""
    from auditor.pipeline import schema

    words: Mapping[str, Json] = schema()["$defs"]["intent"]["properties"]
    return words


def parameter_mistakes(document: Document, path: Path) -> Iterator[Mistake]:
    """Yield what is wrong in declarations of words of `intent`: a schema that is none, or a default that it refuses."""
    from jsonschema import Draft202012Validator

    declared = document.part(path).value
    for word, schema in declared.items() if isinstance(declared, Mapping) else ():
        here = (*path, word)
        if word in intent_words():
            hint = "Read it without declaring it, or choose another name."
            yield Mistake(document.key_place(here), f"Every pipeline knows {shown(word)} already.", hint)
        elif isinstance(schema, Mapping):
            wrong = schema_mistakes(document.part(here), Draft202012Validator.META_SCHEMA, whole=shown(word))
            yield from wrong
            if "default" in schema and not wrong:
                yield from schema_mistakes(document.part((*here, "default")), schema, whole="`default`")


def _parameters(raw: Mapping[str, Json]) -> Mapping[str, Json]:
    declared = raw.get("parameters")
    return declared if isinstance(declared, Mapping) else EMPTY


def _subjects(raw: Mapping[str, Json]) -> tuple[str, ...]:
    subject = raw.get("subject")
    listed = subject if isinstance(subject, list) else [subject]
    return tuple(node for node in listed if isinstance(node, str) and node in nodes())


def _subject_mistakes(draft: Draft, raw: Mapping[str, Json]) -> Iterator[Mistake]:
    subject = raw.get("subject")
    for index, node in enumerate(subject if isinstance(subject, list) else [subject]):
        if isinstance(node, str) and node and node not in draft.subjects:
            path: Path = ("subject", index) if isinstance(subject, list) else ("subject",)
            yield draft.mistake(path, f"There is no node {shown(node)}.", did_you_mean(node, nodes()))


def _id_mistakes(draft: Draft, raw: Mapping[str, Json]) -> Iterator[Mistake]:
    name = draft.document.file.replace("\\", "/").rsplit("/", 1)[-1].rsplit(".", 1)[0]
    if isinstance(raw.get("id"), str) and name != raw["id"]:
        yield draft.mistake(
            ("id",),
            f"The id {shown(raw['id'])} is not the file's name.",
            f"Call both {shown(name)}, or both like the id.",
        )


def _fix_mistakes(draft: Draft, raw: Json) -> Iterator[Mistake]:
    if not isinstance(raw, Mapping):
        return
    manual, edits = raw.get("safety") == "manual", raw.get("edits")
    if manual and "edits" in raw:
        yield draft.at_key(
            ("fix", "edits"), "A manual fix has no `edits`.", "Describe it in `steps`, or choose another safety."
        )
    if manual and "steps" not in raw:
        yield draft.at_key(("fix",), "A manual fix needs `steps` in words.", "Say what a person does.")
    if not manual and "edits" not in raw and "safety" in raw:
        yield draft.at_key(("fix",), "A fix that is not manual needs `edits`.", "Add them, or say `safety: manual`.")
    for index, edit in enumerate(edits if isinstance(edits, list) else ()):
        if isinstance(edit, Mapping):
            yield from _edit_mistakes(draft, edit, ("fix", "edits", index))


def _edit_mistakes(draft: Draft, raw: Mapping[str, Json], path: Path) -> Iterator[Mistake]:
    node, facet = raw.get("node", "subject"), raw.get("facet")
    if isinstance(node, str) and node != "subject" and node not in nodes():
        yield draft.mistake((*path, "node"), f"There is no node {shown(node)}.", did_you_mean(node, nodes()))
    elif isinstance(facet, str) and isinstance(node, str):
        yield from _facet_mistakes(draft, node, facet, (*path, "facet"))
    words = [word for word in raw if word not in {"facet", "node"}]
    known = [word for word in words if word in EDITS]
    for word in words:
        if word not in known:
            yield draft.at_key((*path, word), f"There is no edit {shown(word)}.", did_you_mean(word, EDITS))
    for word in known[1:]:
        sentence = f"One edit does one thing, and `{word}` is the second beside `{known[0]}`."
        yield draft.at_key((*path, word), sentence, "Write two edits.")
    if not words:
        yield draft.mistake(path, "An edit needs an action beside `facet`.", "Such as `merge: {Status: Enabled}`.")
    for word in known[:1]:
        yield from draft.parameter((*path, word), EDITS[word].schema, f"The parameter of `{word}`")
        yield from hole_mistakes(draft, raw[word], (*path, word))


def _facet_mistakes(draft: Draft, node: str, facet: str, path: Path) -> Iterator[Mistake]:
    rows = [KINDS[kind].facets[facet] for kind in draft.kinds(node) if facet in KINDS[kind].facets]
    if not rows and draft.kinds(node):
        yield draft.mistake(path, f"There is no facet {shown(facet)} to edit.", did_you_mean(facet, draft.facets(node)))
    elif rows and all(row.write is None for row in rows):
        yield draft.mistake(path, f"Nothing can write the facet {shown(facet)}.", "Describe the fix in `steps`.")
