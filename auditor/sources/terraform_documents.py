"""The policy that a data source aws_iam_policy_document makes, where Terraform itself reads it only at apply."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from auditor.model import Json, Text, Unread

Attribute = Callable[[str], Json]

_LISTS = {
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}


def document(read: Attribute) -> Json:
    """Return the policy with `Unread` where a part is not known yet; an `Unread` when it cannot be put together.

    https://registry.terraform.io/providers/hashicorp/aws/latest/docs/data-sources/iam_policy_document
    """
    statements = read("statement")
    if isinstance(statements, Unread):
        return statements
    own = [_statement(one) for one in statements or []] if isinstance(statements, list) else []
    first = _sources(read, "source_json", "source_policy_documents")
    last = _sources(read, "override_json", "override_policy_documents")
    if isinstance(first, Unread) or isinstance(last, Unread):
        return first if isinstance(first, Unread) else last
    version, named = read("version"), read("policy_id")
    made: dict[str, Json] = {"Version": version or "2012-10-17"}
    if named:
        made["Id"] = named
    made["Statement"] = _overridden([*(part for one in first for part in _parts(one)), *own], last)
    return made


def _sources(read: Attribute, *names: str) -> list[Json] | Unread:
    found: list[Json] = []
    for name in names:
        value = read(name)
        for one in value if isinstance(value, list) else [value] if value else []:
            if isinstance(one, Unread):
                return one
            if isinstance(one, str) and one:
                parsed = _parsed(one)
                if isinstance(parsed, Unread):
                    return parsed
                found.append(parsed)
            elif isinstance(one, Mapping):
                found.append(one)
    return found


def _parsed(text: str) -> Json:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Unread(
            "Malformed",
            detail=Text(
                "A policy document that another one builds on is no JSON.",
                "元になるポリシードキュメントが JSON ではありません。",
            ),
        )
    return (
        value
        if isinstance(value, dict)
        else Unread(
            "Malformed",
            detail=Text(
                "A policy document is no JSON object.", "ポリシードキュメントが JSON オブジェクトではありません。"
            ),
        )
    )


def _parts(policy: Json) -> list[Json]:
    statements = policy.get("Statement")
    return statements if isinstance(statements, list) else [statements] if statements else []


def _overridden(statements: list[Json], overriding: list[Json]) -> list[Json]:
    """Return the statements, with those replaced whose Sid an overriding document has too."""
    made = list(statements)
    for one in (part for policy in overriding for part in _parts(policy)):
        sid = one.get("Sid") if isinstance(one, Mapping) else None
        place = next(
            (
                index
                for index, known in enumerate(made)
                if sid and isinstance(known, Mapping) and known.get("Sid") == sid
            ),
            None,
        )
        if place is None:
            made.append(one)
        else:
            made[place] = one
    return made


def _statement(block: Json) -> Json:
    if not isinstance(block, Mapping):
        return block
    made: dict[str, Json] = {}
    if block.get("sid"):
        made["Sid"] = block["sid"]
    made["Effect"] = block.get("effect") or "Allow"
    for name, api in _LISTS.items():
        value = block.get(name)
        if value:
            made[api] = _without_escapes(value)
    for name, api in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        if block.get(name):
            made[api] = _principals(block[name])
    if block.get("condition"):
        made["Condition"] = _conditions(block["condition"])
    return made


def _without_escapes(value: Json) -> Json:
    """Return values with `&{…}`, the data source's way to write IAM's variables, as `${…}`."""
    if isinstance(value, str):
        return value.replace("&{", "${")
    return [_without_escapes(one) for one in value] if isinstance(value, list) else value


def _principals(blocks: Json) -> Json:
    if isinstance(blocks, Unread):
        return blocks
    made: dict[str, list[Json]] = {}
    for one in blocks:
        if not isinstance(one, Mapping) or not isinstance(one.get("type"), str):
            return (
                one
                if isinstance(one, Unread)
                else Unread(
                    "KnownAfterApply",
                    detail=Text("A principal is not known yet.", "プリンシパルがまだ確定していません。"),
                )
            )
        said = _without_escapes(one.get("identifiers"))
        made.setdefault(one["type"], []).extend(said if isinstance(said, list) else [said])
    if list(made) == ["*"] and made["*"] == ["*"]:
        return "*"
    return made


def _conditions(blocks: Json) -> Json:
    if isinstance(blocks, Unread):
        return blocks
    made: dict[str, dict[str, Json]] = {}
    for one in blocks:
        if not isinstance(one, Mapping) or not all(isinstance(one.get(name), str) for name in ("test", "variable")):
            return (
                one
                if isinstance(one, Unread)
                else Unread(
                    "KnownAfterApply", detail=Text("A condition is not known yet.", "条件がまだ確定していません。")
                )
            )
        said = _without_escapes(one.get("values"))
        known = made.setdefault(one["test"], {})
        values = said if isinstance(said, list) else [said]
        known[one["variable"]] = [*known.get(one["variable"], []), *values]
    return made
