"""Contexts: the requests that a pipeline's own parts make, with all that can be known of each beforehand.

Sources: IAM User Guide, reference_policies_condition-keys and reference_policies_variables; S3 User Guide, replication
and event notifications; DynamoDB Developer Guide, S3DataExport; KMS Developer Guide, policy-conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.iam.callers import account_of
from auditor.iam.facts import SERVICE_ADDRESS, Value
from auditor.iam.request import Request

__all__ = [
    "Circumstances",
    "api_call",
    "assume_replication_role",
    "athena_read",
    "event_delivery",
    "export_kms",
    "export_write",
    "notification",
    "notification_kms",
    "replication",
    "replication_kms",
    "rule_kms",
]


# What a caller's session may or may not carry, and what nobody declares.
_SESSION = frozenset(
    {
        "aws:TokenIssueTime",
        "aws:SourceIdentity",
        "aws:MultiFactorAuthPresent",
        "aws:MultiFactorAuthAge",
        "aws:FederatedProvider",
        "aws:UserAgent",
        "aws:Ec2InstanceSourceVpc",
        "aws:Ec2InstanceSourcePrivateIPv4",
        "ec2:SourceInstanceArn",
        "ec2:RoleDelivery",
        "lambda:SourceFunctionArn",
    }
)
_S3_WIRE = frozenset({"s3:signatureversion", "s3:signatureAge", "s3:authType", "s3:x-amz-content-sha256"})
_TAGS = frozenset({"aws:ResourceTag/*", "s3:BucketTag/*"})
_ORGANISATION = frozenset({"aws:PrincipalOrgPaths", "aws:ResourceOrgPaths"})


@dataclass(frozen=True)
class Circumstances:
    """What is known around a request. None is "nobody knows"; an empty organisation id is "in none".

    `region` is where the resource is, `tags` are the principal's tags, `source_org` the organisation of the resource
    that a service acts for; `context` has keys known from elsewhere and overrides.
    """

    region: str | None = None
    principal_org: str | None = None
    resource_org: str | None = None
    source_org: str | None = None
    tags: Mapping[str, str] | None = None
    context: Mapping[str, Value] = field(default_factory=dict)


NOTHING_KNOWN = Circumstances()


@dataclass(frozen=True)
class _Draft:
    """A context in the making."""

    around: Circumstances
    known: dict[str, Value]
    unknowable: set[str]
    choices: dict[str, tuple[str | None, ...]]

    def optional(self, key: str, value: str | None) -> None:
        """Set a key that is known, absent ("") or unknowable (None)."""
        if value:
            self.known[key] = value
        elif value is None:
            self.unknowable.add(key)

    def request(self, principal: str, action: str, resource: str, owner: str = "") -> Request:
        """Return the request, its resource owned by the given account or the one that its ARN tells."""
        return Request(
            principal,
            action,
            resource,
            {**self.known, **self.around.context},
            unknowable=frozenset(self.unknowable),
            one_of=self.choices,
            resource_account=owner,
        )


def _draft(around: Circumstances) -> _Draft:
    """Return what is so of every call of the pipeline: TLS 1.2 or newer, as AWS's endpoints demand since 2024."""
    draft = _Draft(around, {"aws:SecureTransport": "true"}, set(_TAGS | _ORGANISATION), {})
    draft.optional("aws:RequestedRegion", around.region)
    draft.optional("aws:ResourceOrgID", around.resource_org)
    draft.choices["s3:TlsVersion"] = ("1.2", "1.3")
    draft.choices["aws:TlsVersion"] = ("TLSv1.2", "TLSv1.3")
    return draft


def _by_principal(around: Circumstances) -> _Draft:
    draft = _draft(around)
    draft.optional("aws:PrincipalOrgID", around.principal_org)
    if around.tags is None:
        draft.unknowable.add("aws:PrincipalTag/*")
    else:
        draft.known.update({f"aws:PrincipalTag/{key}": value for key, value in around.tags.items()})
    draft.unknowable.update(_S3_WIRE)
    return draft


def api_call(
    principal: str, action: str, resource: str, *, owner: str = "", around: Circumstances = NOTHING_KNOWN
) -> Request:
    """Return a call that a person or a job makes itself, such as dynamodb:ExportTableToPointInTime on a table.

    From where it comes, and with what session, nobody knows.
    """
    draft = _by_principal(around)
    draft.unknowable.update(_SESSION | {"aws:SourceIp", "aws:SourceVpc", "aws:SourceVpce", "aws:VpcSourceIp"})
    draft.unknowable.update({"aws:SourceVpcArn", "aws:VpceAccount", "aws:VpceOrgID", "aws:VpceOrgPaths"})
    return draft.request(principal, action, resource, owner)


def export_write(
    principal: str,
    action: str,
    resource: str,
    *,
    owner: str = "",
    sse: str = "",
    sse_key: str = "",
    around: Circumstances = NOTHING_KNOWN,
) -> Request:
    """Return a write of an export to S3, which DynamoDB makes for the caller with the caller's credentials.

    `action` is s3:PutObject, s3:AbortMultipartUpload or s3:PutObjectAcl, `resource` an object's ARN, `owner` the
    bucket's account; `sse` is the export's S3SseAlgorithm ("", "AES256" or "KMS"). Such calls come from no VPC
    endpoint, and whether they set an ACL is documented nowhere.
    """
    draft = _for_caller(around, ["dynamodb.amazonaws.com"])
    if sse:
        draft.known["s3:x-amz-server-side-encryption"] = "aws:kms" if sse == "KMS" else sse
    if sse_key:
        draft.known["s3:x-amz-server-side-encryption-aws-kms-key-id"] = sse_key
    draft.choices["s3:x-amz-acl"] = ("bucket-owner-full-control", None)
    return draft.request(principal, action, resource, owner)


def export_kms(
    principal: str, action: str, key: str, *, object_arn: str, around: Circumstances = NOTHING_KNOWN
) -> Request:
    """Return a use of the bucket's key by an export: S3 asks KMS for DynamoDB, which acts for the caller.

    `object_arn` is the object's ARN, or the bucket's where the bucket has a Bucket Key.
    """
    draft = _for_caller(around, ["dynamodb.amazonaws.com", "s3.amazonaws.com"])
    _encryption(draft, key, object_arn)
    return draft.request(principal, action, key)


def athena_read(
    principal: str, action: str, resource: str, *, owner: str = "", around: Circumstances = NOTHING_KNOWN
) -> Request:
    """Return a read that Athena makes for the caller, of an object or its bucket."""
    return _for_caller(around, ["athena.amazonaws.com"]).request(principal, action, resource, owner)


def _for_caller(around: Circumstances, via: list[str]) -> _Draft:
    draft = _by_principal(around)
    draft.known["aws:ViaAWSService"] = "true"
    draft.known["aws:CalledVia"] = via
    draft.known["aws:CalledViaFirst"] = via[0]
    draft.known["aws:CalledViaLast"] = via[-1]
    draft.unknowable.update(_SESSION)
    draft.choices["aws:SourceIp"] = (SERVICE_ADDRESS, None)
    return draft


def replication(
    role: str, action: str, resource: str, *, owner: str = "", around: Circumstances = NOTHING_KNOWN
) -> Request:
    """Return a read or a write of replication: S3 calls as the replication role, from an address of its own.

    `owner` is the account of the bucket. It is no call of a service principal, and none made on anybody's behalf; the
    session carries no MFA and no VPC endpoint. Whether aws:RequestedRegion is the destination's is documented nowhere.
    """
    draft = _as_role(around)
    draft.known.pop("aws:RequestedRegion", None)
    draft.unknowable.add("aws:RequestedRegion")
    return draft.request(role, action, resource, owner)


def replication_kms(
    role: str, action: str, key: str, *, object_arn: str, around: Circumstances = NOTHING_KNOWN
) -> Request:
    """Return a use of the source's or the destination's key by replication, through S3 in the key's Region.

    `object_arn` is the ARN of the object in the bucket of that side, or of the bucket where it has a Bucket Key.
    """
    draft = _as_role(around)
    _encryption(draft, key, object_arn)
    return draft.request(role, action, key)


def _as_role(around: Circumstances) -> _Draft:
    draft = _by_principal(around)
    draft.unknowable.update({"aws:TokenIssueTime", "aws:UserAgent"})
    draft.choices["aws:SourceIp"] = (SERVICE_ADDRESS, None)
    return draft


def _encryption(draft: _Draft, key: str, object_arn: str) -> None:
    parts = key.split(":")
    region = parts[3] if len(parts) > 3 else ""
    draft.optional("kms:ViaService", f"s3.{region}.amazonaws.com" if region else None)
    draft.known["kms:EncryptionContext:aws:s3:arn"] = object_arn
    draft.known["kms:EncryptionContextKeys"] = ["aws:s3:arn"]
    draft.unknowable.update({"kms:ResourceAliases", "kms:RequestAlias", "kms:EncryptionAlgorithm"})
    draft.unknowable.update({"kms:KeyOrigin", "kms:MultiRegion", "kms:MultiRegionKeyType"})
    draft.known["kms:KeySpec"] = "SYMMETRIC_DEFAULT"
    draft.known["kms:KeyUsage"] = "ENCRYPT_DECRYPT"


def assume_replication_role(
    role: str, *, bucket: str, bucket_account: str, around: Circumstances = NOTHING_KNOWN
) -> Request:
    """Return the request with which S3 assumes the replication role.

    Whether S3 tells for which bucket and account it does so is documented nowhere.
    """
    draft = _draft(around)
    draft.choices["aws:SourceArn"] = (bucket, None)
    draft.choices["aws:SourceAccount"] = (bucket_account, None)
    draft.unknowable.update({"aws:SourceOrgID", "aws:SourceOrgPaths", "sts:RoleSessionName"})
    return draft.request("s3.amazonaws.com", "sts:AssumeRole", role, account_of(role))


def notification(
    target: str, action: str, *, bucket: str, bucket_account: str, around: Circumstances = NOTHING_KNOWN
) -> Request:
    """Return a delivery of an S3 event: lambda:InvokeFunction, sqs:SendMessage or sns:Publish on the target's ARN.

    `bucket` is the bucket's ARN. S3 tells bucket and account in aws:SourceArn and aws:SourceAccount.
    """
    draft = _for_resource(around, bucket, bucket_account)
    return draft.request("s3.amazonaws.com", action, target, account_of(target))


def notification_kms(
    key: str, action: str, *, target: str, bucket: str, bucket_account: str, around: Circumstances = NOTHING_KNOWN
) -> Request:
    """Return a use of an encrypted queue's or topic's key by the delivery of an S3 event."""
    draft = _for_resource(around, bucket, bucket_account)
    _message_key(draft, target)
    return draft.request("s3.amazonaws.com", action, key)


def event_delivery(target: str, action: str, *, rule: str, around: Circumstances = NOTHING_KNOWN) -> Request:
    """Return a delivery by an EventBridge rule (its ARN) to a function, queue or topic.

    EventBridge tells its rule to Lambda and SQS, to SNS it need not (EventBridge User Guide, resource-based policies).
    """
    draft = _for_resource(around, rule, account_of(rule))
    if action.lower().startswith("sns:"):
        _perhaps_told(draft)
    return draft.request("events.amazonaws.com", action, target, account_of(target))


def rule_kms(key: str, action: str, *, target: str, rule: str, around: Circumstances = NOTHING_KNOWN) -> Request:
    """Return a use of an encrypted queue's or topic's key by an EventBridge rule, which need not tell its own name."""
    draft = _for_resource(around, rule, account_of(rule))
    _perhaps_told(draft)
    _message_key(draft, target)
    return draft.request("events.amazonaws.com", action, key)


def _for_resource(around: Circumstances, source: str, account: str) -> _Draft:
    draft = _draft(around)
    draft.known["aws:SourceArn"] = source
    draft.optional("aws:SourceAccount", account or None)
    draft.optional("aws:SourceOrgID", around.source_org)
    draft.unknowable.update({"aws:SourceOrgPaths", "aws:UserAgent"})
    draft.choices["aws:SourceIp"] = (SERVICE_ADDRESS, None)
    return draft


def _perhaps_told(draft: _Draft) -> None:
    for key in ("aws:SourceArn", "aws:SourceAccount"):
        value = draft.known.pop(key, None)
        if isinstance(value, str):
            draft.choices[key] = (value, None)


def _message_key(draft: _Draft, target: str) -> None:
    service = target.split(":")[2:3]
    context = "aws:sqs:arn" if service == ["sqs"] else "aws:sns:topicArn"
    draft.known[f"kms:EncryptionContext:{context}"] = target
    draft.known["kms:EncryptionContextKeys"] = [context]
    draft.unknowable.update({"kms:ViaService", "kms:CallerAccount", "kms:ResourceAliases", "kms:RequestAlias"})
