"""May this caller do that? Decided with the policies that moto keeps."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from auditor.standin.callers import Caller


def service_may(service: str, action: str, resource: str, policy: Any, source: Any) -> bool:
    """Return whether a resource policy lets an AWS service act on behalf of a bucket.

    policy: JSON text or bytes, a document, or None. source: moto's bucket, the aws:SourceArn of the request.
    """
    context = {"aws:sourcearn": source.arn, "aws:sourceaccount": source.account_id, "aws:securetransport": "true"}
    return _decide(policy, {"Service": [service]}, action, resource, context)


def policy_lets(policy: Any, caller: Caller, action: str, resource: str) -> bool:
    """Return whether a resource policy allows a caller of another account an action."""
    names = [caller.arn, caller.role_arn, caller.account, f"arn:aws:iam::{caller.account}:root"]
    context = {
        "aws:principalarn": caller.role_arn,
        "aws:principalaccount": caller.account,
        "aws:securetransport": "true",
    }
    return _decide(policy, {"AWS": names}, action, resource, context)


def _decide(policy: Any, names: dict[str, list[str]], action: str, resource: str, context: dict[str, str]) -> bool:
    document = json.loads(policy) if isinstance(policy, (str, bytes)) else policy or {}
    allowed = False
    for statement in _many(document.get("Statement") or []):
        if not (
            _named(statement.get("Principal"), names) and _covers(statement.get("Action"), action.lower(), str.lower)
        ):
            continue
        if not _covers(statement.get("Resource", "*"), resource, str):
            continue
        met = all(
            key.lower() in context and _covers(wanted, context[key.lower()], str)
            for keys in (statement.get("Condition") or {}).values()
            for key, wanted in keys.items()
        )
        if met and statement.get("Effect") == "Deny":
            return False
        allowed = allowed or met
    return allowed


def _named(principal: Any, names: dict[str, list[str]]) -> bool:
    if not isinstance(principal, dict):
        return bool(principal == "*")
    return any(
        name == "*" or name in names.get(kind, []) for kind, listed in principal.items() for name in _many(listed)
    )


def _covers(patterns: Any, value: str, spell: Any) -> bool:
    return any(fnmatchcase(value, spell(str(pattern))) for pattern in _many(patterns or []))


def _many(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
