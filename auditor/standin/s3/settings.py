"""The small bucket settings: versioning, encryption, logging, request payment, ownership."""

from __future__ import annotations

from typing import Any

from auditor.standin.patch import memory
from auditor.standin.s3.documents import Document, Put, find_bucket, has, invalid_argument, malformed
from auditor.standin.wire import Refusal

PUBLIC_ACCESS_FLAGS = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
_ALGORITHMS = ("AES256", "aws:kms", "aws:kms:dsse", "aws:backup")
_OWNERSHIPS = ("BucketOwnerPreferred", "ObjectWriter", "BucketOwnerEnforced")
_LOG_DELIVERY = "http://acs.amazonaws.com/groups/s3/LogDelivery"
_UNDER_REPLICATION = (
    "A replication configuration is present on this bucket, so you cannot change the versioning state. "
    "To change the versioning state, first delete the replication configuration."
)


def check_versioning(put: Put) -> dict[str, Any]:
    """Refuse to suspend a replication source (409) and to touch MFA delete without the MFA header; moto does both."""
    status = put.document.get("Status")
    if status not in ("Enabled", "Suspended", None):
        raise malformed()
    if status is None and "MFADelete" not in put.document:
        raise Refusal("IllegalVersioningConfigurationException", "The Versioning element must be specified")
    kept = memory(put.bucket).get("versioning", ({}, {}))[0]
    guarded = kept.get("MFADelete") == "Enabled" or "MFADelete" in put.document
    if guarded and "x-amz-mfa" not in put.headers:
        raise Refusal("AccessDenied", "Mfa Authentication must be used for this request", 403)
    if status == "Suspended" and has(put.bucket, "replication"):
        raise Refusal("InvalidBucketState", _UNDER_REPLICATION, 409)
    if status == "Suspended" and put.bucket.object_lock_enabled:
        text = "An Object Lock configuration is present on this bucket, so the versioning state cannot be changed."
        raise Refusal("InvalidBucketState", text, 409)
    put.document.update({**kept, **put.document})
    if status is not None:
        put.backend.put_bucket_versioning(put.bucket.name, status)
    return {}


def check_encryption(put: Put) -> dict[str, Any]:
    """Keep blocked encryption types, which moto loses; AWS takes exactly one rule."""
    rules = put.document.get("Rules") or []
    if len(rules) != 1:
        raise malformed()
    default = rules[0].setdefault("ApplyServerSideEncryptionByDefault", {"SSEAlgorithm": "AES256"})
    if default.get("SSEAlgorithm") not in _ALGORITHMS:
        raise malformed()
    if default["SSEAlgorithm"] == "AES256" and default.get("KMSMasterKeyID"):
        raise invalid_argument("a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms")
    rules[0].setdefault("BucketKeyEnabled", False)
    put.bucket.encryption = {"Rule": {**rules[0]}}
    return {}


def check_logging(put: Put) -> dict[str, Any]:
    """Refuse a target that is missing, foreign, elsewhere, or that does not let S3 write; keep the key format."""
    wanted = put.document.get("LoggingEnabled")
    if wanted is None:
        put.bucket.logging = {}
        return {}
    if "TargetPrefix" not in wanted or not wanted.get("TargetBucket"):
        raise malformed()
    code = "InvalidTargetBucketForLogging"
    target = find_bucket(wanted["TargetBucket"])
    if target is None:
        raise Refusal(code, "The target bucket for logging does not exist")
    if target.account_id != put.bucket.account_id:
        raise Refusal(code, "The owner for the bucket to be logged and the target bucket must be the same.")
    if target.region_name != put.bucket.region_name:
        text = "Cross S3 location logging not allowed."
        raise Refusal("CrossLocationLoggingProhibitted", text, 403)
    if not _may_be_logged_to(target, put.bucket, wanted["TargetPrefix"]):
        text = "You must give the log-delivery group WRITE and READ_ACP permissions to the target bucket"
        raise Refusal(code, text)
    put.bucket.logging = {"TargetBucket": wanted["TargetBucket"], "TargetPrefix": wanted["TargetPrefix"]}
    return {}


def _may_be_logged_to(target: Any, source: Any, prefix: str) -> bool:
    from auditor.standin.access import Need, service_may

    grants = {
        permission
        for grant in target.acl.grants
        for grantee in grant.grantees
        for permission in grant.permissions
        if grantee.uri == _LOG_DELIVERY
    }
    by_acl = "FULL_CONTROL" in grants or {"WRITE", "READ_ACP"} <= grants
    arn = f"{target.arn}/{prefix}2026-01-01-00-00-00-0000000000000000"
    need = Need("s3:PutObject", arn, target.account_id, target.policy)
    return by_acl or service_may("logging.s3.amazonaws.com", need, source)


def check_payment(put: Put) -> dict[str, Any]:
    """Keep who pays; moto has no request payment and would create a bucket instead."""
    if put.document.get("Payer") not in ("Requester", "BucketOwner"):
        raise malformed()
    return {}


def check_ownership(put: Put) -> dict[str, Any]:
    """Refuse unknown values, and BucketOwnerEnforced while the ACL grants others; moto takes any string."""
    rules = put.document.get("Rules") or []
    if len(rules) != 1 or rules[0].get("ObjectOwnership") not in _OWNERSHIPS:
        raise malformed()
    groups = any(grantee.uri for grant in put.bucket.acl.grants for grantee in grant.grantees)
    if rules[0]["ObjectOwnership"] == "BucketOwnerEnforced" and groups:
        text = "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting"
        raise Refusal("InvalidBucketAclWithObjectOwnership", text)
    put.bucket.ownership_rule = rules[0]["ObjectOwnership"]
    return {}


def check_public_access(put: Put) -> dict[str, Any]:
    """Take a flag that is not sent for false, as AWS does."""
    for flag in PUBLIC_ACCESS_FLAGS:
        put.document.setdefault(flag, False)
    put.backend.put_public_access_block(put.bucket.name, put.document)
    return {}


def blocks(bucket: Any, flag: str) -> bool:
    """Return whether Block Public Access of the bucket or of its account has a flag on."""
    from moto.s3control.models import s3control_backends

    account = s3control_backends[bucket.account_id][bucket.partition].public_access_block
    return any(bool(getattr(each, flag, False)) for each in (bucket.public_access_block, account))


ENCRYPTION = Document(
    "encryption", "PutBucketEncryption", "GetBucketEncryption", check_encryption, "ServerSideEncryptionConfiguration"
)
LOGGING = Document("logging", "PutBucketLogging", "GetBucketLogging", check_logging, absent={})
PAYMENT = Document(
    "requestPayment",
    "PutBucketRequestPayment",
    "GetBucketRequestPayment",
    check_payment,
    absent={"Payer": "BucketOwner"},
)
OWNERSHIP = Document(
    "ownershipControls",
    "PutBucketOwnershipControls",
    "GetBucketOwnershipControls",
    check_ownership,
    "OwnershipControls",
)
PUBLIC_ACCESS = Document(
    "publicAccessBlock",
    "PutPublicAccessBlock",
    "GetPublicAccessBlock",
    check_public_access,
    "PublicAccessBlockConfiguration",
)
VERSIONING = Document("versioning", "PutBucketVersioning", "GetBucketVersioning", check_versioning)
