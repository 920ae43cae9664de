"""s3.bucket in Terraform: who may use it (Block Public Access, ownership, ACL), and how its objects are encrypted."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE, Attached
from auditor.kinds.parts import Part, each, flag, lifted, malformed, text
from auditor.kinds.planned import Planned, empty, fields, one, within
from auditor.model import Json, Text, Unread

_FLAGS = {
    "block_public_acls": "BlockPublicAcls",
    "ignore_public_acls": "IgnorePublicAcls",
    "block_public_policy": "BlockPublicPolicy",
    "restrict_public_buckets": "RestrictPublicBuckets",
}
# What AWS gives to every new bucket since April 2023, and by default to every bucket since January 2023:
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html
NEW_BLOCK: Json = dict.fromkeys(_FLAGS.values(), True)
NEW_OWNERSHIP: Json = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
OWN_ENCRYPTION: Json = {
    "Rules": [
        {
            "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"},
            "BucketKeyEnabled": False,
            "BlockedEncryptionTypes": ONLY_LIVE,
        }
    ]
}
_GROUPS = "http://acs.amazonaws.com/groups/"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/acl-overview.html#canned-acl
_CANNED = {
    "private": (),
    "bucket-owner-read": (),
    "bucket-owner-full-control": (),
    "public-read": (("global/AllUsers", "READ"),),
    "public-read-write": (("global/AllUsers", "READ"), ("global/AllUsers", "WRITE")),
    "authenticated-read": (("global/AuthenticatedUsers", "READ"),),
    "log-delivery-write": (("s3/LogDelivery", "WRITE"), ("s3/LogDelivery", "READ_ACP")),
}
_OWNER = Unread(
    "KnownAfterApply",
    detail=Text(
        "The canonical id of the bucket's owner is known only after apply.",
        "バケット所有者の正規 ID は apply するまで確定しません。",
    ),
)
_GRANT = fields(
    {
        "grantee": (
            "Grantee",
            fields(
                {
                    "id": ("ID", text),
                    "type": ("Type", text),
                    "uri": ("URI", text),
                    "email_address": ("EmailAddress", text),
                    "display_name": ("DisplayName", text),
                },
                own=("display_name",),
            ),
        ),
        "permission": ("Permission", text),
    }
)
_ENCRYPTION = fields(
    {
        "apply_server_side_encryption_by_default": (
            "ApplyServerSideEncryptionByDefault",
            fields({"sse_algorithm": ("SSEAlgorithm", text), "kms_master_key_id": ("KMSMasterKeyID", text)}),
        ),
        "bucket_key_enabled": ("BucketKeyEnabled", flag),
        "blocked_encryption_types": (
            "BlockedEncryptionTypes",
            lambda part: Part({"EncryptionType": each(text)(part)}, part.place),
        ),
    },
    # SSE-C is blocked on buckets made since April 2026, and not on those that were there before.
    {"BucketKeyEnabled": False, "BlockedEncryptionTypes": ONLY_LIVE},
    own=("blocked_encryption_types",),
)


def flags(resource: Attached) -> Part:
    """Return the four flags of Block Public Access; one that is left out is false."""
    made = {api: Part(value=False, place=resource.place) for api in _FLAGS.values()}
    for name, api in _FLAGS.items():
        if (said := resource.read(name)) is not None:
            made[api] = said if said.unread else flag(said)
    return Part(made, resource.place)


def account_block(planned: Planned) -> Part | Unread:
    """Return Block Public Access of the bucket's account, where the plan sets it."""
    found = planned.account("aws_s3_account_public_access_block")
    if len(found) != 1:
        detail = Text(
            "The plan does not set Block Public Access of the bucket's account.",
            "プランはバケットのアカウントのブロックパブリックアクセスを設定していません。",
        )
        return Unread("NotInPlan" if not found else "SeveralWriters", detail=detail)
    return found[0].doubt or flags(found[0])


def ownership(resource: Attached) -> Part:
    """Return the ownership controls."""
    said = within(resource.read("rule"), "object_ownership")
    if said is None:
        return malformed(Part(None, resource.place), "a rule with object_ownership")
    return Part({"Rules": Part([Part({"ObjectOwnership": said}, said.place)], said.place)}, resource.place)


def encryption(rules: Part | None, planned: Planned) -> Part:
    """Return the rules of default encryption, an alias of a key as the key that the plan says it stands for."""
    if rules is None:
        return lifted(OWN_ENCRYPTION, planned.place)
    return resolved(Part({"Rules": each(_ENCRYPTION)(rules)}, rules.place), planned)


def resolved(part: Part, planned: Planned, name: str = "") -> Part:
    """Return a document with aliases of KMS keys resolved where the plan says which key they stand for."""
    if isinstance(part.value, dict):
        return Part({key: resolved(inner, planned, key) for key, inner in part.value.items()}, part.place)
    if isinstance(part.value, list):
        return Part([resolved(inner, planned, name) for inner in part.value], part.place)
    if name in {"KMSMasterKeyID", "ReplicaKmsKeyID"} and isinstance(part.value, str) and "alias/" in part.value:
        key = planned.key(part.value)
        return part if key is None else Part(key.arn, part.place)
    return part


def acl(resource: Attached) -> Part | Unread:
    """Return the ACL that an aws_s3_bucket_acl writes."""
    policy, canned = one(resource.read("access_control_policy")), resource.read("acl")
    if canned is not None and not empty(canned):
        return canned_acl(canned)
    if policy is None or policy.unread:
        return (
            Unread("Malformed", detail=Text(f"{resource.id} has no ACL.", f"{resource.id} に ACL がありません。"))
            if policy is None
            else policy
        )
    grants, owner = policy.get("grant"), within(policy, "owner", "id")
    made = {
        "Owner": Part({"ID": owner or Part(_OWNER, policy.place)}, policy.place),
        "Grants": each(_GRANT)(grants) if grants is not None else Part([], policy.place),
    }
    return Part(made, policy.place)


def canned_acl(part: Part) -> Part:
    """Return the grants that a canned ACL stands for."""
    said = text(part)
    if said.unread:
        return said
    owner: Json = {"Grantee": {"ID": _OWNER, "Type": "CanonicalUser"}, "Permission": "FULL_CONTROL"}
    extra = _CANNED.get(said.value)
    if extra is None:
        return Part(
            Unread(
                "NotMapped",
                detail=Text(
                    f"{part.place}: the ACL {said.value} is not known here.",
                    f"{part.place}: ACL {said.value} には対応していません。",
                ),
            ),
            part.place,
        )
    granted = [
        {"Grantee": {"Type": "Group", "URI": _GROUPS + group}, "Permission": permission} for group, permission in extra
    ]
    return lifted({"Owner": {"ID": _OWNER}, "Grants": [owner, *granted]}, part.place)
