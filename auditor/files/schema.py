"""What a JSON Schema objects to in a document, in the words of someone who explains it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from auditor.errors import Mistake
from auditor.files.conforming import conforms
from auditor.files.document import Document, Step, closest, did_you_mean, shown
from auditor.model import Json

Objection: TypeAlias = Json
"""A `jsonschema.ValidationError`, whose own types say less than its documentation."""

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
_TYPES = MappingProxyType(
    {
        "string": "text",
        "integer": "a whole number",
        "number": "a number",
        "boolean": "`true` or `false`",
        "array": "a list",
        "object": "a mapping",
        "null": "nothing",
    }
)


def schema_mistakes(
    document: Document, schema: Json, *, whole: str = "The file", open_to: Callable[[Json], bool] | None = None
) -> list[Mistake]:
    """Return all that a JSON Schema (Draft 2020-12) objects to in a document, in the order of its lines.

    `whole` names the document in sentences. A value for which `open_to` answers true is right whatever the schema says.

    A schema may carry `patternErrorMessage` beside a `pattern`, and `errorMessage` beside anything: sentences that
    follow the name of the value ("must be 12 digits"), which editors show too.
    """
    if conforms(document.value, schema, open_to):
        return []
    errors = _validator(open_to)(schema).iter_errors(document.value)
    mistakes = {mistake: None for error in errors for mistake in _explain(error, document, whole)}
    return sorted(mistakes, key=lambda mistake: (mistake.place.line, mistake.place.column, mistake.sentence))


def _validator(open_to: Callable[[Json], bool] | None) -> Json:
    """Return the validator class in which `$` means the end, as in ECMA 262, and not also before a last line break."""
    from jsonschema import Draft202012Validator, validators
    from jsonschema.exceptions import ValidationError

    def pattern(_validator: Json, wanted: str, value: Json, _schema: Json) -> Iterator[ValidationError]:
        if isinstance(value, str) and not re.search(re.sub(r"(?<!\\)\$$", r"\\Z", wanted), value):
            yield ValidationError("does not match")

    extend: Json = validators.extend
    words = {**Draft202012Validator.VALIDATORS, "pattern": pattern}
    return extend(Draft202012Validator, {word: _unless(open_to, check) for word, check in words.items()})


def _unless(open_to: Callable[[Json], bool] | None, check: Json) -> Json:
    if open_to is None:
        return check

    def checked(validator: Json, wanted: Json, value: Json, schema: Json) -> Json:
        return () if open_to(value) else check(validator, wanted, value, schema)

    return checked


def _explain(error: Objection, document: Document, whole: str) -> Iterator[Mistake]:
    """Yield the mistakes of one objection, at the value, or at the key when the key is what is wrong."""
    path: tuple[Step, ...] = tuple(error.absolute_path)
    keyword = str(error.validator)
    if "propertyNames" in error.absolute_schema_path:
        place = document.key_place((*path, str(error.instance)))
        yield Mistake(place, f"The key {shown(error.instance)} {_said(error) or _objection(error)}.", _near(error))
    elif keyword in {"additionalProperties", "unevaluatedProperties"}:
        known = _properties(error)
        for key in _unknown(error):
            yield Mistake(
                document.key_place((*path, key)), f"Unknown key {shown(key)}.", did_you_mean(key, known).strip()
            )
    elif keyword == "required":
        missing = [key for key in error.validator_value if key not in error.instance and not _misspelt(key, error)]
        if missing:
            yield Mistake(document.key_place(path), f"{_name(path, whole)} needs {_words(missing, 'and')}.")
    elif keyword in {"anyOf", "oneOf"} and error.context and not _said(error):
        yield from _alternatives(error, document, whole)
    else:
        said = _said(error) or _objection(error)
        yield Mistake(document.place_of(path), f"{_name(path, whole)} {said}.", _near(error))


def _alternatives(error: Objection, document: Document, whole: str) -> Iterator[Mistake]:
    """Yield the mistakes of the alternative that the value comes nearest to."""
    path = tuple(error.absolute_path)
    branches: dict[int, list[Objection]] = {}
    for inner in error.context or ():
        branches.setdefault(int(inner.schema_path[0]), []).append(inner)
    if all(inner.validator == "required" and not inner.path for branch in branches.values() for inner in branch):
        keys = [key for branch in branches.values() for key in branch[0].validator_value]
        if not any(_misspelt(key, error) for key in keys):
            wanted = [" with ".join(f"`{key}`" for key in branch[0].validator_value) for branch in branches.values()]
            one_of = "one of " if len(wanted) > 2 else ""
            yield Mistake(document.key_place(path), f"{_name(path, whole)} needs {one_of}{_joined(wanted, 'or')}.")
        return
    fitting = [branch for branch in branches.values() if not any(_misfit(inner) for inner in branch)]
    if fitting:
        for inner in min(fitting, key=lambda branch: (-max(len(e.path) for e in branch), len(branch))):
            yield from _explain(inner, document, whole)
        return
    kinds = dict.fromkeys(words for branch in branches.values() for inner in branch for words in _kinds(inner))
    said = f"{_name(path, whole)} must be {_joined(list(kinds), 'or')}, not {_kind(error.instance)}."
    yield Mistake(document.place_of(path), said)


def _misfit(error: Objection) -> bool:
    return not error.path and error.validator in {"type", "const", "enum"}


def _kinds(error: Objection) -> list[str]:
    if error.validator == "type":
        types = error.validator_value
        return [_TYPES[one] for one in ([types] if isinstance(types, str) else types)]
    if error.validator == "const":
        return [shown(error.validator_value)]
    return [shown(choice) for choice in error.validator_value] if error.validator == "enum" else []


def _objection(error: Objection) -> str:
    word = _OBJECTIONS.get(str(error.validator))
    return word(error) if word else "is not allowed here"


def _type(error: Objection) -> str:
    value = error.instance
    said = f"must be {_joined(_kinds(error), 'or')}, not {_kind(value)}"
    if isinstance(value, str) and _NUMBER.fullmatch(value) and error.validator_value in {"integer", "number"}:
        return f"must be {_joined(_kinds(error), 'or')}, not the text {shown(value)}: write it without quotes"
    if "text" in _kinds(error) and isinstance(value, int | float):
        return f"{said}: write it in quotes"
    if (
        isinstance(value, str)
        and "`true` or `false`" in _kinds(error)
        and value.lower() in {"yes", "no", "on", "off", "true", "false"}
    ):
        return f"{said}: only `true` and `false` are understood"
    return said


def _choice(error: Objection) -> str:
    value = error.instance
    choices = error.validator_value if error.validator == "enum" else [error.validator_value]
    said = f"must be {_words(choices, 'or')}"
    if "propertyNames" in error.absolute_schema_path:
        return said
    if isinstance(value, str) and any(json.dumps(choice) == value for choice in choices):
        return f"{said}, not the text {_kind(value)}: write it without quotes"
    if isinstance(value, bool | int | float) and json.dumps(value) in choices:
        return f"{said} as text, not {_kind(value)}: write it in quotes"
    return f"{said}, not {_kind(value)}"


def _pattern(error: Objection) -> str:
    said = error.schema.get("patternErrorMessage") if isinstance(error.schema, Mapping) else None
    shape = said or f"must look like `{error.validator_value}`"
    return shape if "propertyNames" in error.absolute_schema_path else f"{shape}, not {shown(error.instance)}"


def _forbidden(error: Objection) -> str:
    branches = error.validator_value.get("anyOf", [error.validator_value])
    wanted = [branch.get("required", ()) for branch in branches]
    present = {key: None for keys in wanted if all(key in error.instance for key in keys) for key in keys}
    if len(present) > 1:
        return f"may have only one of {_words(present, 'and')}"
    return f"may not have {_words(present, 'and')}" if present else f"may not be {_kind(error.instance)}"


def _dependent(error: Objection) -> str:
    for key, wanted in error.validator_value.items():
        missing = [one for one in wanted if key in error.instance and one not in error.instance]
        if missing:
            return f"has {shown(key)}, which needs {_words(missing, 'and')} beside it"
    return "lacks a key that another one needs"


def _several(error: Objection) -> str:
    known = [list(branch.get("required", ())) for branch in error.validator_value if isinstance(branch, Mapping)]
    given = [
        keys[0]
        for keys in known
        if len(keys) == 1 and isinstance(error.instance, Mapping) and keys[0] in error.instance
    ]
    return f"may have only one of {_words(given, 'and')}" if len(given) > 1 else "can be understood in two ways"


def _things(count: int, thing: str) -> str:
    return f"{count} {thing}" + ("" if count == 1 else "s")


_OBJECTIONS: Mapping[str, Callable[[Objection], str]] = MappingProxyType(
    {
        "type": _type,
        "enum": _choice,
        "const": _choice,
        "pattern": _pattern,
        "not": _forbidden,
        "dependentRequired": _dependent,
        "oneOf": _several,
        "minimum": lambda e: f"must be at least {e.validator_value}, not {e.instance}",
        "maximum": lambda e: f"must be at most {e.validator_value}, not {e.instance}",
        "exclusiveMinimum": lambda e: f"must be more than {e.validator_value}, not {e.instance}",
        "exclusiveMaximum": lambda e: f"must be less than {e.validator_value}, not {e.instance}",
        "multipleOf": lambda e: f"must be a multiple of {e.validator_value}, not {e.instance}",
        "minLength": lambda e: (
            f"must have at least {_things(e.validator_value, 'character')}" if e.instance else "must not be empty"
        ),
        "maxLength": lambda e: f"must have at most {_things(e.validator_value, 'character')}, not {len(e.instance)}",
        "minItems": lambda e: (
            f"must have at least {_things(e.validator_value, 'item')}" if e.instance else "must not be empty"
        ),
        "maxItems": lambda e: f"must have at most {_things(e.validator_value, 'item')}, not {len(e.instance)}",
        "minProperties": lambda e: (
            f"must have at least {_things(e.validator_value, 'key')}" if e.instance else "must not be empty"
        ),
        "maxProperties": lambda e: f"must have at most {_things(e.validator_value, 'key')}, not {len(e.instance)}",
        "uniqueItems": lambda _: "has the same item twice",
        "contains": lambda _: "lacks an item that it must have",
        "items": lambda _: "has more items than are allowed",
        "format": lambda e: f"must be a {e.validator_value}, not {shown(e.instance)}",
    }
)


def _said(error: Objection) -> str:
    said = error.schema.get("errorMessage") if isinstance(error.schema, Mapping) else None
    return said if isinstance(said, str) else ""


def _near(error: Objection) -> str:
    value = error.instance
    if error.validator not in {"enum", "const"} or not isinstance(value, str):
        return ""
    choices = error.validator_value if error.validator == "enum" else [error.validator_value]
    near = closest(value, [choice for choice in choices if isinstance(choice, str)])
    return f"Did you mean `{near}`?" if near else ""


def _properties(error: Objection) -> list[str]:
    return list(error.schema.get("properties", {})) if isinstance(error.schema, Mapping) else []


def _unknown(error: Objection) -> list[str]:
    patterns = error.schema.get("patternProperties", {}) if isinstance(error.schema, Mapping) else {}
    known = _properties(error)
    return [key for key in error.instance if key not in known and not any(re.search(p, key) for p in patterns)]


def _misspelt(missing: str, error: Objection) -> bool:
    """Tell whether a missing key is there under a wrong name, which is objected to already."""
    if not isinstance(error.schema, Mapping) or error.schema.get("additionalProperties") is not False:
        return False
    known = _properties(error)
    return any(key not in known and closest(key, known) == missing for key in error.instance)


def _name(path: tuple[Step, ...], whole: str) -> str:
    if not path:
        return whole
    if isinstance(path[-1], int):
        return f"Item {path[-1] + 1}" + (f" of `{path[-2]}`" if len(path) > 1 and isinstance(path[-2], str) else "")
    return shown(path[-1])


def _kind(value: Json) -> str:
    if isinstance(value, str):
        return shown(value) if value else "empty text"
    if value is None:
        return "left empty"
    if isinstance(value, bool | int | float):
        return shown(value)
    return "a list" if isinstance(value, list) else "a mapping"


def _words(choices: Iterable[Json], joint: str) -> str:
    return _joined([shown(choice) for choice in choices], joint)


def _joined(words: list[str], joint: str) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {joint} {words[-1]}"
