"""The KMS key of an encrypted queue or topic: what it is, and its policy."""

from __future__ import annotations

from collections.abc import Callable

from auditor.errors import Refused
from auditor.kinds.documents import normal_policy, parsed
from auditor.kinds.facet import Ask, Call, Facet, Shape, Target
from auditor.model import Json, Text, Unread

Attributes = Callable[[Ask, Target], dict[str, str]]
"""Read the attributes of a queue or topic."""


def key_facet(attributes: Attributes, permission: str) -> Facet:
    """Return the facet `Key` of a kind whose attributes name a KMS key; without one it is not configured."""

    def read(ask: Ask, target: Target) -> Json:
        name = attributes(ask, target).get("KmsMasterKeyId")
        if not name:
            return None
        described = ask(Call("kms", "DescribeKey", {"KeyId": name}))["KeyMetadata"]
        return {"KeyMetadata": described, "Policy": _policy(ask, described)}

    return Facet(
        "Key",
        read,
        (permission, "kms:DescribeKey", "kms:GetKeyPolicy"),
        Shape(
            "own", fields={"KeyMetadata": Shape("api", "kms", "DescribeKey", "KeyMetadata"), "Policy": Shape("policy")}
        ),
        (permission, "kms:DescribeKey", "kms:GetKeyPolicy"),
        doc=Text(
            "The KMS key that messages are encrypted with, and its policy.",
            "メッセージの暗号化に使う KMS キーと、そのキーポリシーです。",
        ),
        normal=_normal,
    )


def _policy(ask: Ask, described: Json) -> Json:
    """Return the key policy, or why it could not be read; the policy of an AWS managed key is not the customer's."""
    if described.get("KeyManager") == "AWS":
        return None
    try:
        found = ask(Call("kms", "GetKeyPolicy", {"KeyId": described["KeyId"], "PolicyName": "default"}))
    except Refused as refusal:
        return Unread(refusal.reason, refusal.permission, refusal.words)
    return parsed(found.get("Policy"), f"The policy of key {described['KeyId']}")


def _normal(document: Json) -> Json:
    if document is None:
        return None
    metadata = document.get("KeyMetadata") or {}
    kept = {name: metadata.get(name) for name in ("Arn", "KeyState", "KeyManager")}
    return {"KeyMetadata": kept, "Policy": normal_policy(document.get("Policy"))}
