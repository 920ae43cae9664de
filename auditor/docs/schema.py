"""The JSON Schema of rule files for editors: the structure that is kept by hand, filled from the tables of the language."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from auditor.edits import EDITS
from auditor.files import load_json, parse_yaml, shipped
from auditor.kinds import KINDS, kinds_at, nodes
from auditor.model import Json
from auditor.predicates import PREDICATES
from auditor.rulebook.given import ATTRIBUTES
from auditor.rulebook.vetting import STRUCTURE

_HOLE: Json = {"type": "string", "pattern": "\\$\\{", "description": "A value that `${node.route}` stands for."}
_DEPTH = 4


def rule_schema() -> Json:
    """Return the JSON Schema of rule files, with every predicate, edit, node, facet and route that is known here.

    It is as `rules/schema/rule.json` has it, unless other distributions add to the language.
    """
    schema = copy.deepcopy(load_json(shipped("rules") / "schema" / "rule.json", places=False).value)
    definitions = schema["$defs"]
    places = list(nodes())
    schema["properties"]["subject"]["anyOf"] = [
        {"enum": places},
        {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"enum": places}},
    ]
    _fill_checks(definitions)
    edit = definitions["fix"]["properties"]["edits"]["items"]
    own = {name: edit["properties"][name] for name in ("facet", "node")}
    own["facet"] = {"description": own["facet"]["description"], "enum": _facets(writable=True)}
    own["node"] = {"description": own["node"]["description"], "enum": places}
    edit["properties"] = {**own, **{name: _word(row, "facet") for name, row in sorted(EDITS.items())}}
    edit["additionalProperties"] = False
    case = definitions["case"]["properties"]
    case["given"] = _given(case["given"]["description"], places)
    case["after"] = {**case["after"], "propertyNames": {"enum": places}}
    case["node"] = {"description": case["node"]["description"], "enum": places}
    return schema


def as_text(schema: Json) -> str:
    """Return a schema as the text of a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _fill_checks(definitions: Json) -> None:
    """Give checks every predicate, and their routes what they may begin with; those inside `in:` begin at an item."""
    words = {name: _word(row, "at") for name, row in sorted(PREDICATES.items())}
    for name, at, lists in (
        ("check", {"pattern": _beginnings(), **_examples(_routes(lists=False))}, _routes(lists=True)),
        ("item_check", _examples(_routes(lists=False, inside=True)), _routes(lists=True, inside=True)),
    ):
        known = definitions[name]["properties"]
        own = {word: known[word] for word in STRUCTURE}
        own["at"] = {"description": known["at"]["description"], "type": "string", "minLength": 1, **at}
        own["in"] = {"description": known["in"]["description"], "type": "string", "minLength": 1, **_examples(lists)}
        if "pattern" in at:
            own["at"]["patternErrorMessage"] = "must begin with a facet, an attribute, a node, `intent` or `subject`"
        definitions[name]["properties"] = {**own, **words}
        definitions[name]["additionalProperties"] = False


def _examples(routes: Iterable[str]) -> Mapping[str, Json]:
    return {"examples": sorted(dict.fromkeys(routes))}


def _routes(*, lists: bool, inside: bool = False) -> Iterator[str]:
    """Yield routes into every facet that lead to a value (with `lists`: to a list); with `inside`, from the item of a list."""
    from auditor.kinds import shapes

    for kind in KINDS.values():
        for facet in kind.facets:
            for route, form, _ in shapes.routes(kind, facet, _DEPTH):
                if (form == "list") is not lists or (form == "mapping" and not lists):
                    continue
                head, bracket, rest = route.rpartition("[0].")
                if inside and bracket:
                    yield rest
                elif not inside and not bracket and not head:
                    yield route


def _beginnings() -> str:
    from auditor.kinds import shapes

    heads = {"intent", "subject", *nodes()}
    for kind in KINDS.values():
        heads |= {*kind.facets, *kind.aliases, *shapes.attributes(kind)}
    return f"^(\\.|({'|'.join(sorted(heads))})([.\\[].*)?)$"


def _facets(*, writable: bool) -> list[str]:
    rows = (row for kind in KINDS.values() for row in kind.facets.values() if row.write or not writable)
    return sorted({row.name for row in rows})


def _word(row: Any, beside: str) -> Json:
    """Return the schema of a predicate's or edit's parameter, with its sentence and an example; holes may stand in it."""
    schema = _described(with_holes(row.schema), row)
    example = _parameter(row, beside)
    return {
        "description": f"{row.doc.en}\n\nExample: {row.example}",
        **schema,
        **({"examples": [example]} if example else {}),
    }


def _described(schema: Json, row: Any) -> Json:
    """Return a parameter's schema in which every key without a description says what it is a part of."""
    if isinstance(schema, list):
        return [_described(one, row) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    made = {key: _described(part, row) for key, part in schema.items() if key not in {"enum", "const", "properties"}}
    made |= {key: schema[key] for key in ("enum", "const") if key in schema}
    if "properties" in schema:
        made["properties"] = {
            name: {"description": f"`{name}` of `{row.name}`. {row.doc.en}", **_described(part, row)}
            for name, part in schema["properties"].items()
        }
    return made


def _parameter(row: Any, beside: str) -> Json:
    said = parse_yaml(row.example, "example").value if row.example else None
    if not isinstance(said, Mapping):
        return None
    return next((part for word, part in said.items() if word == row.name and word != beside), None)


def with_holes(schema: Json) -> Json:
    """Return a JSON Schema that also takes a text with `${…}` wherever it takes only something else."""
    if not isinstance(schema, Mapping):
        return schema
    made: dict[str, Json] = {}
    for key, part in schema.items():
        if key in {"properties", "patternProperties", "$defs"}:
            made[key] = {name: with_holes(one) for name, one in part.items()}
        elif key in {"items", "additionalProperties", "not", "if", "then", "else"}:
            made[key] = with_holes(part)
        elif key in {"anyOf", "oneOf", "allOf", "prefixItems"}:
            made[key] = [with_holes(one) for one in part]
        else:
            made[key] = part
    return made if _takes_texts(schema) else {"anyOf": [made, _HOLE]}


def _takes_texts(schema: Mapping[str, Json]) -> bool:
    if {"enum", "const", "pattern"} & set(schema):
        return False
    types = schema.get("type")
    if types is None:
        return "properties" not in schema
    return "string" in (types if isinstance(types, list) else [types])


def _given(description: str, places: list[str]) -> Json:
    own: dict[str, Json] = {node: _node(node) for node in places}
    own["intent"] = {"description": "What the owner wants.", "type": "object"}
    own["taken_at"] = {"description": "When AWS said so.", "type": "string"}
    return {"description": description, "type": "object", "additionalProperties": False, "properties": own}


def _node(node: str) -> Json:
    kinds = [KINDS[name] for name in kinds_at(node)]
    rows = {row.name: row for kind in kinds for row in kind.facets.values()}
    own: dict[str, Json] = {name: {"description": row.doc.en} for name, row in rows.items()}
    reason = {"description": "Why it was not read, such as `AccessDenied`.", "type": "string", "minLength": 1}
    own["unread"] = {
        "description": "Facets that were refused, with the reason.",
        "type": "object",
        "additionalProperties": False,
        "properties": dict.fromkeys(rows, reason),
    }
    own["kind"] = {"description": "The kind of resource.", "enum": [kind.name for kind in kinds]}
    own["account"] = {"description": "The account it lies in.", "enum": ["production", "analytics"]}
    own["absent"] = {"description": "The pipeline has no such node.", "const": True}
    own |= {name: {"description": f"The resource's {name}.", "type": "string"} for name in ("name", "prefix", "region")}
    own |= {name: {"description": "An attribute of the resource."} for name in ATTRIBUTES}
    return {
        "description": "; ".join(kind.doc.en for kind in kinds),
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": own,
    }
