"""s3.bucket: the facets that say who may use it and how objects are encrypted."""

from __future__ import annotations

from auditor.kinds.buckets import bucket_call, member, put_or_delete, whole
from auditor.kinds.documents import encoded, normal_policy, parsed
from auditor.kinds.facet import Ask, Call, Facet, Shape, Target, answer, facets
from auditor.kinds.organizations import RCP_FACET
from auditor.model import Json, Text

_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _read_policy(ask: Ask, target: Target) -> Json:
    found = answer(ask, bucket_call(target, "GetBucketPolicy"), absent=("NoSuchBucketPolicy",))
    return None if found is None else parsed(found["Policy"], f"The policy of bucket {target.id}")


def _read_account_block(ask: Ask, target: Target) -> Json:
    call = Call("s3control", "GetPublicAccessBlock", {"AccountId": target.account.id})
    found = answer(ask, call, absent=("NoSuchPublicAccessBlockConfiguration",))
    return None if found is None else found["PublicAccessBlockConfiguration"]


def _all_flags(document: Json) -> Json:
    # A flag that is left out of the request becomes false; one that AWS adds to its four is kept.
    return {**document, **{flag: bool(document.get(flag, False)) for flag in _FLAGS}}


def _normal_block(document: Json) -> Json:
    return None if document is None else _all_flags(document)


def _normal_encryption(document: Json) -> Json:
    rules = (document or {}).get("Rules") or []
    return [{**rule, "BucketKeyEnabled": bool(rule.get("BucketKeyEnabled", False))} for rule in rules]


def _normal_status(document: Json) -> Json:
    return {"IsPublic": bool((document or {}).get("IsPublic", False))}


ACCESS = facets(
    Facet(
        "Policy",
        _read_policy,
        ("s3:GetBucketPolicy",),
        Shape("policy"),
        ("s3:GetBucketPolicy",),
        put_or_delete("PutBucketPolicy", "Policy", "DeleteBucketPolicy", encoded),
        ("s3:PutBucketPolicy", "s3:DeleteBucketPolicy"),
        doc=Text("The bucket policy.", "バケットポリシーです。"),
        normal=normal_policy,
    ),
    Facet(
        "PolicyStatus",
        member("GetBucketPolicyStatus", "PolicyStatus", "NoSuchBucketPolicy"),
        ("s3:GetBucketPolicyStatus",),
        Shape("api", "s3", "GetBucketPolicyStatus", "PolicyStatus"),
        ("s3:GetBucketPolicyStatus",),
        doc=Text(
            "Whether AWS calls the bucket policy public.",
            "AWS がバケットポリシーを「公開」と判定しているかどうかです。",
        ),
        normal=_normal_status,
    ),
    Facet(
        "PublicAccessBlock",
        member("GetPublicAccessBlock", "PublicAccessBlockConfiguration", "NoSuchPublicAccessBlockConfiguration"),
        ("s3:GetBucketPublicAccessBlock",),
        Shape("api", "s3", "GetPublicAccessBlock", "PublicAccessBlockConfiguration"),
        ("s3:GetPublicAccessBlock",),
        put_or_delete("PutPublicAccessBlock", "PublicAccessBlockConfiguration", "DeletePublicAccessBlock", _all_flags),
        ("s3:PutBucketPublicAccessBlock",),
        doc=Text("Block Public Access of the bucket.", "バケットのブロックパブリックアクセスです。"),
        normal=_normal_block,
    ),
    Facet(
        "AccountPublicAccessBlock",
        _read_account_block,
        ("s3:GetAccountPublicAccessBlock",),
        Shape("api", "s3control", "GetPublicAccessBlock", "PublicAccessBlockConfiguration"),
        ("s3control:GetPublicAccessBlock",),
        doc=Text(
            "Block Public Access of the bucket's account.", "バケットのあるアカウントのブロックパブリックアクセスです。"
        ),
        normal=_normal_block,
    ),
    Facet(
        "OwnershipControls",
        member("GetBucketOwnershipControls", "OwnershipControls", "OwnershipControlsNotFoundError"),
        ("s3:GetBucketOwnershipControls",),
        Shape("api", "s3", "GetBucketOwnershipControls", "OwnershipControls"),
        ("s3:GetBucketOwnershipControls",),
        put_or_delete("PutBucketOwnershipControls", "OwnershipControls", "DeleteBucketOwnershipControls"),
        ("s3:PutBucketOwnershipControls",),
        doc=Text("Who owns objects that others write.", "他者が書き込んだオブジェクトを誰が所有するかです。"),
    ),
    Facet(
        "Encryption",
        member(
            "GetBucketEncryption",
            "ServerSideEncryptionConfiguration",
            "ServerSideEncryptionConfigurationNotFoundError",
        ),
        ("s3:GetEncryptionConfiguration",),
        Shape("api", "s3", "GetBucketEncryption", "ServerSideEncryptionConfiguration"),
        ("s3:GetBucketEncryption",),
        put_or_delete("PutBucketEncryption", "ServerSideEncryptionConfiguration", "DeleteBucketEncryption"),
        ("s3:PutEncryptionConfiguration",),
        doc=Text("Default encryption.", "デフォルトの暗号化です。"),
        normal=_normal_encryption,
    ),
    Facet(
        "Acl",
        whole("GetBucketAcl"),
        ("s3:GetBucketAcl",),
        Shape("api", "s3", "GetBucketAcl"),
        ("s3:GetBucketAcl",),
        doc=Text("The bucket's access control list.", "バケットの ACL です。"),
    ),
    RCP_FACET,
)
