"""Policy documents at AWS's border: parsed from its answers, written back in their order, and compared by meaning."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from auditor.errors import Refused
from auditor.model import Json, Unread

# An escape that may be half of a pair, and a half that stands alone: no file could hold it.
_HALF = re.compile(r"\\u[dD][89a-fA-F]|[\ud800-\udfff]")
_HALVES = re.compile(r"[\ud800-\udfff]")
_LISTS = ("Action", "NotAction", "Resource", "NotResource")
# AWS evaluates the two alike, and Lambda writes one where IAM's examples show the other:
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
_SAME_OPERATOR = {"arnequals": "arnlike", "arnnotequals": "arnnotlike"}


def parsed(text: Json, what: str) -> Json:
    """Return the document that a policy string holds; `None` and an empty string are no policy.

    Raises `Refused("Malformed")` for text that is no JSON object, and for a key that stands twice in one object:
    written back it would lose a value.
    """
    if text is None or text == "":
        return None
    if isinstance(text, Mapping):
        return dict(text)
    if isinstance(text, str) and text.startswith("%7B"):
        text = unquote(text)  # as IAM answers it
    try:
        document = json.loads(text, object_pairs_hook=_unique)
    except (TypeError, ValueError, RecursionError) as error:
        reason = str(error) if isinstance(error, _TwiceError) else "it is not JSON"
        raise Refused("Malformed", f"{what} cannot be read: {reason}.") from None
    if not isinstance(document, dict):
        raise Refused("Malformed", f"{what} cannot be read: it is not a JSON object.")
    if isinstance(text, str) and _HALF.search(text) and _HALVES.search(json.dumps(document, ensure_ascii=False)):
        raise Refused("Malformed", f"{what} cannot be read: it holds half of a surrogate pair.")
    return document


class _TwiceError(ValueError):
    """A key that stands twice in one object."""


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    document = dict(pairs)
    if len(document) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _TwiceError(f"the key {twice!r} stands twice in one object")
    return document


def encoded(document: Json) -> str:
    """Return the JSON text of a document, its keys in the document's own order."""
    if has_unread(document):
        raise Refused("CannotExpress", "A part of the document could not be read, so it is not written back.")
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def canonical(value: Json) -> str:
    """Return a text that is equal for equal JSON values whatever the order of their keys."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=str)


def has_unread(value: Json) -> bool:
    """Tell whether some part of a document is not known."""
    if isinstance(value, Unread):
        return True
    if isinstance(value, Mapping):
        return any(has_unread(part) for part in value.values())
    return isinstance(value, list | tuple) and any(has_unread(part) for part in value)


def listed(value: Json) -> list[Json]:
    """Return IAM's "one or many" as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def normal_policy(document: Json) -> Json:
    """Return a policy document in one spelling: what AWS may respell without changing its meaning comes out equal.

    Lists and their single items, the order of statements and of values, an account id and its root ARN, `*` and
    `{"AWS": "*"}`, the case of condition keys, `ArnEquals` and `ArnLike`, booleans and their text. `Id` has no meaning.
    """
    if not isinstance(document, Mapping):
        return document
    statements = [_statement(one) for one in listed(document.get("Statement"))]
    return {"Version": document.get("Version", "2008-10-17"), "Statement": sorted(statements, key=canonical)}


def normal_policies(documents: Json) -> Json:
    """Return policies by name or ARN, each in its normal form."""
    if not isinstance(documents, Mapping):
        return documents
    return {name: normal_policy(document) for name, document in documents.items()}


def _statement(statement: Json) -> Json:
    if not isinstance(statement, Mapping):
        return statement
    result = dict(statement)
    for name in _LISTS:
        if name in result:
            result[name] = sorted(map(str, listed(result[name])))
    for name in ("Principal", "NotPrincipal"):
        if name in result:
            result[name] = _principal(result[name])
    if "Condition" in result:
        result["Condition"] = _conditions(result["Condition"])
    if not result.get("Condition"):
        result.pop("Condition", None)
    return result


def _principal(principal: Json) -> Json:
    if principal == "*":
        return {"AWS": ["*"]}
    if not isinstance(principal, Mapping):
        return principal
    return {sort: sorted(_account(str(value)) for value in listed(values)) for sort, values in principal.items()}


def _account(principal: str) -> str:
    parts = principal.split(":")
    return parts[4] if len(parts) == 6 and parts[2] == "iam" and parts[5] == "root" else principal


def _conditions(conditions: Json) -> Json:
    if not isinstance(conditions, Mapping):
        return conditions
    result: dict[str, dict[str, list[str]]] = {}
    for operator, keys in conditions.items():
        if not isinstance(keys, Mapping):
            return conditions
        name = _SAME_OPERATOR.get(operator.lower(), operator.lower())
        for key, values in keys.items():
            known = result.setdefault(name, {})
            if key.lower() in known:
                return conditions
            known[key.lower()] = sorted(_text(value) for value in listed(values))
    return result


def _text(value: Json) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def sorted_by(key: str) -> Callable[[Json], list[Json]]:
    """Return a function that orders a list of mappings by one of their fields, then by everything else in them."""

    def ordered(items: Json) -> list[Json]:
        return sorted(
            listed(items),
            key=lambda item: (str(item.get(key, "")) if isinstance(item, Mapping) else "", canonical(item)),
        )

    return ordered
