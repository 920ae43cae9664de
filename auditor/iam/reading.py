"""Reading: from a policy document of any shape to statements, or one PolicyError that says where it is wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import unquote

from auditor.iam.conditions import Condition, condition
from auditor.iam.elements import Actions, Resources, actions, resources
from auditor.iam.errors import PolicyError
from auditor.iam.facts import as_text
from auditor.iam.principal import Principals, principals
from auditor.iam.statement import Statement

__all__ = ["Document", "decode", "read_document", "read_principals"]

VERSIONS = ("2008-10-17", "2012-10-17")
ELEMENTS = frozenset(
    {
        "Sid",
        "Effect",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Principal",
        "NotPrincipal",
        "Condition",
    }
)
PRINCIPAL_TYPES = ("AWS", "Service", "Federated", "CanonicalUser")


@dataclass(frozen=True, slots=True)
class Document:
    """A document read: its version and statements, and the mapping they came from."""

    version: str
    statements: tuple[Statement, ...]
    document: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where reading stands: a path in the document of a named policy."""

    policy: str
    path: str = ""

    def at(self, step: str) -> _Place:
        return _Place(self.policy, f"{self.path}.{step}" if self.path else step)

    def item(self, index: int) -> _Place:
        return _Place(self.policy, f"{self.path}[{index}]")

    def refuse(self, problem: str) -> NoReturn:
        raise PolicyError(self.policy, self.path, problem)


def read_document(document: object, name: str) -> Document:
    """Return the statements of a policy document: JSON text (percent-encoded too) or a mapping.

    Raises PolicyError.
    """
    top = _Place(name)
    found = decode(document, name)
    for key in found:
        if key not in {"Version", "Id", "ID", "Statement"}:
            top.refuse(f"{_shown(key)} is no element of a policy; the elements are Version, Id and Statement")
    version = found.get("Version", VERSIONS[0])
    if version not in VERSIONS or not isinstance(version, str):
        top.at("Version").refuse(f"must be {VERSIONS[1]!r} or {VERSIONS[0]!r}, not {_shown(version)}")
    if not isinstance(found.get("Id", ""), str):
        top.at("Id").refuse(f"must be text, not {_shown(found['Id'])}")
    if "Statement" not in found:
        top.refuse("has no Statement")
    listed = found["Statement"]
    place = top.at("Statement")
    if isinstance(listed, Mapping):
        return Document(version, (_statement(listed, 0, place.item(0), version),), found)
    if not isinstance(listed, list | tuple):
        place.refuse(f"must be a statement or a list of statements, not {_shown(listed)}")
    return Document(
        version,
        tuple(_statement(item, index, place.item(index), version) for index, item in enumerate(listed)),
        found,
    )


def decode(document: object, name: str) -> Mapping[str, object]:
    """Return the document as a mapping. Raises PolicyError if it is neither a mapping nor the JSON text of one."""
    if isinstance(document, Mapping):
        return document
    top = _Place(name)
    if not isinstance(document, str):
        top.refuse(f"must be a JSON object, not {_shown(document)}")
    text = unquote(document) if document.lstrip()[:3].upper() == "%7B" else document
    try:
        found = json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant)
    except _DuplicateKeyError as error:
        top.refuse(f"the key {_shown(error.key)} stands twice in one object, and AWS refuses that")
    except json.JSONDecodeError as error:
        top.refuse(f"is not JSON: line {error.lineno}, column {error.colno}: {error.msg}")
    except RecursionError:
        top.refuse("is nested too deeply to be a policy")
    except ValueError as error:
        top.refuse(f"is not JSON: {error}")
    if not isinstance(found, dict):
        top.refuse(f"must be a JSON object, not {_shown(found)}")
    return found


class _DuplicateKeyError(ValueError):
    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__(key)


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made: dict[str, object] = {}
    for key, value in pairs:
        if key in made:
            raise _DuplicateKeyError(key)
        made[key] = value
    return made


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON value")


def _shown(value: object) -> str:
    """Return a value as a short word for a message; containers are named, not printed."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list | tuple | set | frozenset):
        return "a list"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str | int | float):
        return f"a {type(value).__name__}"
    text = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a huge number"
    return text if len(text) <= 60 else text[:57] + "..."


def _statement(item: object, index: int, place: _Place, version: str) -> Statement:
    if not isinstance(item, Mapping):
        place.refuse(f"must be an object, not {_shown(item)}")
    for key in item:
        if key not in ELEMENTS:
            place.refuse(f"{_shown(key)} is no element of a statement")
    sid = item.get("Sid", "")
    if not isinstance(sid, str):
        place.at("Sid").refuse(f"must be text, not {_shown(sid)}")
    if "Effect" not in item:
        place.refuse("has no Effect")
    effect = item["Effect"]
    if effect not in ("Allow", "Deny"):
        place.at("Effect").refuse(f"must be 'Allow' or 'Deny', not {_shown(effect)}")
    variables = version == VERSIONS[1]
    return Statement(
        index,
        sid,
        effect == "Allow",
        _actions(item, place),
        _resources(item, place, variables),
        _principals(item, place),
        tuple(_conditions(item, place, variables)),
    )


def _one_of(item: Mapping[str, object], place: _Place, name: str) -> tuple[str, bool] | None:
    """Return which of an element and its complement stands in the statement, and whether it is the complement."""
    complement = "Not" + name
    if name in item and complement in item:
        place.refuse(f"has both {name} and {complement}")
    if name in item:
        return name, False
    return (complement, True) if complement in item else None


def _actions(item: Mapping[str, object], place: _Place) -> Actions:
    found = _one_of(item, place, "Action")
    if found is None:
        place.refuse("has neither Action nor NotAction")
    name, negated = found
    listed = _texts(item[name], place, name, nulls=False)
    for index, text in enumerate(listed):
        service, colon, rest = text.partition(":")
        if text != "*" and not (service and colon and rest):
            where = place.at(name).item(index) if isinstance(item[name], list | tuple) else place.at(name)
            where.refuse(f"must be '*' or name a service and an action, such as 's3:GetObject', not {_shown(text)}")
    if not listed:
        place.at(name).refuse("names no action")
    return actions(listed, negated=negated)


def _resources(item: Mapping[str, object], place: _Place, variables: bool) -> Resources | None:
    found = _one_of(item, place, "Resource")
    if found is None:
        return None
    name, negated = found
    return resources(_texts(item[name], place, name), negated=negated, variables=variables)


def _texts(value: object, above: _Place, name: str, *, nulls: bool = True) -> list[str]:
    """Return the texts of a scalar or a list; AWS passes over a null in a list of resources."""
    if isinstance(value, str):
        return [value]
    place = above.at(name)
    if not isinstance(value, list | tuple):
        place.refuse(f"must be text or a list of texts, not {_shown(value)}")
    listed = []
    for index, text in enumerate(value):
        if isinstance(text, str):
            listed.append(text)
        elif text is not None or not nulls:
            place.item(index).refuse(f"must be text, not {_shown(text)}")
    return listed


def _principals(item: Mapping[str, object], place: _Place) -> Principals | None:
    found = _one_of(item, place, "Principal")
    if found is None:
        return None
    name, negated = found
    return principals(_pairs(item[name], place.at(name)), negated=negated)


def read_principals(written: object, name: str = "principal") -> Principals:
    """Return a Principal element made ready: `"*"`, or a mapping from a type to one or several principals.

    Raises PolicyError.
    """
    return principals(_pairs(written, _Place(name)), negated=False)


def _pairs(written: object, place: _Place) -> Iterator[tuple[str, str]]:
    if isinstance(written, str):
        if written != "*":
            place.refuse(f"must be '*' or an object such as {{\"AWS\": …}}, not {_shown(written)}")
        yield "*", "*"
        return
    if not isinstance(written, Mapping):
        place.refuse(f"must be '*' or an object, not {_shown(written)}")
    for sort, value in written.items():
        if sort not in PRINCIPAL_TYPES:
            place.refuse(f"{_shown(sort)} is no type of principal; the types are {', '.join(PRINCIPAL_TYPES)}")
        for text in _texts(value, place, sort, nulls=False):
            yield sort, text


def _conditions(item: Mapping[str, object], place: _Place, variables: bool) -> Iterator[Condition]:
    if "Condition" not in item:
        return
    block = item["Condition"]
    where = place.at("Condition")
    if not isinstance(block, Mapping):
        where.refuse(f"must be an object, not {_shown(block)}")
    for operator, keys in block.items():
        if not isinstance(operator, str):
            where.refuse(f"{_shown(operator)} is no condition operator")
        if not isinstance(keys, Mapping):
            where.at(operator).refuse(f"must be an object from keys to values, not {_shown(keys)}")
        for key, values in keys.items():
            if not isinstance(key, str):
                where.at(operator).refuse(f"{_shown(key)} is no condition key")
            listed = list(_scalars(values, where.at(operator).at(key)))
            yield condition(operator, key, listed, variables=variables)


def _scalars(values: object, place: _Place) -> Iterator[str]:
    """Give the values of a condition as text: AWS takes unquoted booleans and numbers, one or a list."""
    if isinstance(values, str | bool | int | float):
        yield _scalar(values, place)
    elif isinstance(values, list | tuple):
        for index, value in enumerate(values):
            yield _scalar(value, place.item(index))
    else:
        place.refuse(f"must be a value or a list of values, not {_shown(values)}")


def _scalar(value: object, place: _Place) -> str:
    if not isinstance(value, str | bool | int | float):
        place.refuse(f"must be text, a number or a boolean, not {_shown(value)}")
    if isinstance(value, int) and abs(value) >= 10**400:
        place.refuse("is too large a number")
    return as_text(value)
