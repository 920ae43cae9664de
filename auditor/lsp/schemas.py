"""What a file's JSON Schema says of a path: the keys and values that may stand there, with their descriptions."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache

from auditor.docs.schema import rule_schema
from auditor.files import load_json, shipped
from auditor.lsp.outline import Path
from auditor.lsp.sheet import Sheet
from auditor.model import Json


def parts(sheet: Sheet, path: Path) -> list[Json]:
    """Return the schemas that apply to a path of a file, its branches apart."""
    whole = _whole(sheet)
    found = list(_branches(whole, whole))
    for step in path:
        found = [branch for part in found for inner in _into(part, step) for branch in _branches(inner, whole)]
    return found


def keys(sheet: Sheet, path: Path) -> Iterator[tuple[str, str]]:
    """Yield the keys that may stand directly below a path, with what each means."""
    for part in parts(sheet, path):
        for name, inner in part.get("properties", {}).items():
            yield name, _about(inner, _whole(sheet))
        names = part.get("propertyNames", {})
        yield from ((name, "") for name in names.get("enum", ()))


def values(sheet: Sheet, path: Path) -> Iterator[tuple[str, str]]:
    """Yield the values that may stand at a path, as YAML writes them, with what is said of them."""
    for part in parts(sheet, path):
        about = str(part.get("description", ""))
        choices = [*part.get("enum", ()), *([part["const"]] if "const" in part else [])]
        if part.get("type") == "boolean":
            choices += [True, False]
        yield from ((choice if isinstance(choice, str) else json.dumps(choice), about) for choice in choices)


def about(sheet: Sheet, path: Path) -> str:
    """Return what is said of the value at a path; empty when nothing is."""
    if not path:
        return ""
    above = parts(sheet, path[:-1])
    inner = [one for part in above for one in _into(part, path[-1])]
    return next((said for one in inner if (said := _about(one, _whole(sheet)))), "")


def _about(schema: Json, whole: Json) -> str:
    if not isinstance(schema, Mapping):
        return ""
    if "description" in schema:
        return str(schema["description"])
    return _about(_target(schema, whole), whole) if "$ref" in schema else ""


def _whole(sheet: Sheet) -> Json:
    if sheet.sort == "rule":
        return _rules()
    if sheet.sort == "pack":
        return _packs()
    from auditor.pipeline import schema

    return schema(sheet.words)


@cache
def _rules() -> Json:
    return rule_schema()


@cache
def _packs() -> Json:
    return load_json(shipped("rules") / "schema" / "pack.json", places=False).value


def _target(schema: Json, whole: Json) -> Json:
    target = whole
    for step in str(schema["$ref"]).removeprefix("#/").split("/"):
        target = target[step]
    return target


def _branches(schema: Json, whole: Json) -> Iterator[Json]:
    if not isinstance(schema, Mapping):
        return
    if "$ref" in schema:
        yield from _branches(_target(schema, whole), whole)
        return
    yield schema
    for word in ("anyOf", "oneOf", "allOf"):
        for branch in schema.get(word, ()):
            yield from _branches(branch, whole)


def _into(schema: Json, step: str | int) -> Iterator[Json]:
    if isinstance(step, int):
        if "items" in schema:
            yield schema["items"]
    elif step in schema.get("properties", {}):
        yield schema["properties"][step]
    elif isinstance(schema.get("additionalProperties"), Mapping):
        yield schema["additionalProperties"]
