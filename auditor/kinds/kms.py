"""kms.key: description, key policy, rotation and grants."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.errors import Refused
from auditor.kinds.documents import encoded, normal_policy, parsed
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, facets
from auditor.kinds.names import arn, common, is_arn, resource_of
from auditor.kinds.organizations import RCP_FACET
from auditor.kinds.paging import pages
from auditor.model import Json, Text


def _is_alias(target: Target) -> bool:
    return resource_of(target.id).startswith("alias/")


def _arn(target: Target) -> str | None:
    if _is_alias(target):
        return None
    return target.id if is_arn(target.id) else arn(target, "kms", f"key/{target.id}")


def _scope(target: Target) -> str:
    # IAM policies name keys, never aliases.
    return _arn(target) or arn(target, "kms", "key/*")


def _describe(ask: Ask, target: Target) -> dict[str, Json]:
    return dict(ask(Call("kms", "DescribeKey", {"KeyId": target.id}))["KeyMetadata"])


def _key(ask: Ask, target: Target) -> str:
    """Return the key's id or ARN: of KMS's calls only DescribeKey understands an alias."""
    return str(_describe(ask, target)["KeyId"]) if _is_alias(target) else target.id


def _read_policy(ask: Ask, target: Target) -> Json:
    found = ask(Call("kms", "GetKeyPolicy", {"KeyId": _key(ask, target), "PolicyName": "default"}))
    return parsed(found["Policy"], f"The policy of key {target.id}")


def _write_policy(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
    if _is_alias(target):
        raise Refused("CannotExpress", f"{target.id} is an alias, and PutKeyPolicy takes a key: declare its id or ARN.")
    if after is None:
        raise Refused("CannotExpress", f"Key {target.id} cannot be without a policy.")
    params = {"KeyId": target.id, "PolicyName": "default", "Policy": encoded(after)}
    return (Call("kms", "PutKeyPolicy", params),)


def _read_rotation(ask: Ask, target: Target) -> Json:
    key = _key(ask, target)
    return {"KeyId": key, **ask(Call("kms", "GetKeyRotationStatus", {"KeyId": key}))}


def _write_rotation(target: Target, before: Json, after: Json) -> tuple[Call, ...]:
    key = (before or {}).get("KeyId") or (after or {}).get("KeyId") or target.id
    if key.startswith("alias/"):
        raise Refused("CannotExpress", f"{key} is an alias, and EnableKeyRotation takes a key: declare its id or ARN.")
    if not (after or {}).get("KeyRotationEnabled"):
        return (Call("kms", "DisableKeyRotation", {"KeyId": key}),)
    period = after.get("RotationPeriodInDays")
    return (Call("kms", "EnableKeyRotation", {"KeyId": key} | ({"RotationPeriodInDays": period} if period else {})),)


def _normal_rotation(document: Json) -> Json:
    on = bool((document or {}).get("KeyRotationEnabled"))
    return {"On": on, "Days": (document or {}).get("RotationPeriodInDays", 365) if on else None}


def _read_grants(ask: Ask, target: Target) -> Json:
    call = Call("kms", "ListGrants", {"KeyId": _key(ask, target), "Limit": 100})
    return pages(ask, call, "Grants", by=("Marker", "NextMarker"))


def _attributes(target: Target) -> Mapping[str, Json]:
    return common(target, resource_of(target.id).removeprefix("key/"), _arn(target) if is_arn(target.id) else None)


KEY = Kind(
    name="kms.key",
    service="kms",
    attributes=_attributes,
    aliases={"Arn": "Description.Arn"},
    resource_arn=_scope,
    gone=("NotFoundException",),
    doc=Text("A KMS key, named by id, ARN or alias.", "KMS キーです。ID、ARN、エイリアスのいずれかで指定します。"),
    facets=facets(
        Facet(
            "Description",
            _describe,
            ("kms:DescribeKey",),
            Shape("api", "kms", "DescribeKey", "KeyMetadata"),
            ("kms:DescribeKey",),
            doc=Text("What the key is and whether it can be used.", "キーの種類と状態です。"),
        ),
        Facet(
            "Policy",
            _read_policy,
            ("kms:DescribeKey", "kms:GetKeyPolicy"),
            Shape("policy"),
            ("kms:DescribeKey", "kms:GetKeyPolicy"),
            _write_policy,
            ("kms:PutKeyPolicy",),
            doc=Text("The key policy.", "キーポリシーです。"),
            normal=normal_policy,
        ),
        Facet(
            "Rotation",
            _read_rotation,
            ("kms:DescribeKey", "kms:GetKeyRotationStatus"),
            Shape("api", "kms", "GetKeyRotationStatus"),
            ("kms:DescribeKey", "kms:GetKeyRotationStatus"),
            _write_rotation,
            ("kms:EnableKeyRotation", "kms:DisableKeyRotation"),
            doc=Text("Automatic rotation.", "自動ローテーションです。"),
            normal=_normal_rotation,
        ),
        Facet(
            "Grants",
            _read_grants,
            ("kms:DescribeKey", "kms:ListGrants"),
            Shape("api", "kms", "ListGrants", "Grants"),
            ("kms:DescribeKey", "kms:ListGrants"),
            doc=Text("The key's grants.", "キーの許可（グラント）です。"),
        ),
        RCP_FACET,
    ),
)
