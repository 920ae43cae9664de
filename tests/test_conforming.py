"""The quick look at a document never says "right" where jsonschema objects, and is sure of the shipped schemas."""

import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.files import Document, load_json, parse_yaml, schema_mistakes, shipped
from auditor.files import schema as reading
from auditor.files.conforming import conforms
from auditor.files.schema import _validator
from auditor.rulebook.draft import has_hole
from tests.fuzz.mutate import spoilt
from tests.fuzz.targets import ROOT

SCHEMAS = sorted((ROOT / "rules/schema").glob("*.json"))
RIGHT = {
    "pack": "{name: pack, version: 1.0.0}",
    "pipeline": (ROOT / "tests/pipelines/orders.yaml").read_text("utf-8"),
    "rule": (ROOT / "rules/security/public-access-blocked.yaml").read_text("utf-8"),
}
NAMES = st.sampled_from(["a", "b", "id"])
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.sampled_from([0.0, 1.0, 1.5, "", "a", "b", "a\n", "${a}"])
)
VALUES = st.recursive(
    PLAIN, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)), max_leaves=8
)
COUNT = st.integers(0, 2)


def words(inner):
    """Any words of a schema, with schemas inside."""
    listed = st.lists(inner, min_size=1, max_size=3)
    types = st.sampled_from(["string", "object", "array", "boolean", "null", "integer", "number"])
    named = st.dictionaries(NAMES, inner, max_size=2)
    optional = {
        "type": st.one_of(types, st.lists(types, min_size=1, max_size=2, unique=True)),
        "enum": st.lists(VALUES, min_size=1, max_size=3),
        "const": VALUES,
        "pattern": st.sampled_from(["^a$", "a", r"\$$"]),
        "properties": named,
        "additionalProperties": inner,
        "required": st.lists(NAMES, max_size=2, unique=True),
        "dependentRequired": st.dictionaries(NAMES, st.lists(NAMES, max_size=1), max_size=1),
        "propertyNames": inner,
        "items": inner,
        "uniqueItems": st.booleans(),
        "not": inner,
        "$ref": st.sampled_from(["#/$defs/text", "#/$defs/list"]),
        "if": inner,
        "patternProperties": st.dictionaries(st.just("^a"), inner, max_size=1),
        "contains": inner,
        **dict.fromkeys(("anyOf", "allOf", "oneOf", "prefixItems"), listed),
        **{f"{end}{of}": COUNT for end in ("min", "max") for of in ("Length", "Items", "Properties")},
        **{word: st.integers(-2, 2) for word in ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")},
    }
    return st.lists(st.sampled_from(sorted(optional)), max_size=3, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({word: optional[word] for word in chosen})
    )


SCHEMA = st.recursive(st.booleans(), words, max_leaves=6)
DEFINED = {"text": {"type": "string", "minLength": 1}, "list": {"type": "array", "items": {"$ref": "#/$defs/text"}}}
NEW = {"if", "patternProperties", "contains", "prefixItems"}


def valid(value, schema, open_to=None):
    return _validator(open_to)(schema).is_valid(value)


@settings(max_examples=300, deadline=None)
@given(VALUES, SCHEMA, st.booleans())
def test_it_agrees_with_jsonschema(value, schema, holes):
    whole = {"$defs": DEFINED, "allOf": [schema]}
    open_to = has_hole if holes else None
    sure = conforms(value, whole, open_to)
    assert not sure or valid(value, whole, open_to)
    if not any(f'"{word}"' in json.dumps(schema) for word in (*NEW, "enum", "const", "uniqueItems")):
        assert sure == valid(value, whole, open_to)


@pytest.mark.parametrize("file", SCHEMAS, ids=lambda one: one.stem)
def test_it_is_sure_of_every_shipped_schema(file):
    schema = load_json(file).value
    value = parse_yaml(RIGHT[file.stem], "f").value
    assert conforms(value, schema)
    chance = random.Random(5)
    for _ in range(60):
        try:
            other = json.loads(spoilt(json.dumps(value).encode(), chance))
        except ValueError:
            continue
        assert conforms(other, schema) == valid(other, schema)


def test_what_is_right_is_not_given_to_jsonschema(monkeypatch):
    monkeypatch.setattr(reading, "_validator", None)
    schema = load_json(shipped("rules") / "schema" / "pack.json").value
    assert schema_mistakes(Document({"name": "pack", "version": "1.0.0"}, "pack.yaml"), schema) == []


@pytest.mark.parametrize(
    "word",
    [{"$ref": "#"}, {"$ref": "other.json"}, {"$ref": "#/$defs/none"}, {"unevaluatedItems": False}, {"type": "date"}],
)
def test_it_is_sure_of_nothing_that_it_does_not_know(word):
    assert not conforms([1], word)
