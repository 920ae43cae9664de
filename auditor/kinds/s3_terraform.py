"""s3.bucket in Terraform: aws_s3_bucket, the resources that configure it, and its own older blocks."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from auditor.kinds.declared import ONLY_LIVE, Attached
from auditor.kinds.organizations import RCP
from auditor.kinds.parts import Part, flag, lifted, malformed, text, whole
from auditor.kinds.planned import Facet, Planned, Spelling, elsewhere, empty, fields, given, not_in_plan, one, within
from auditor.kinds.policies_terraform import single, whole_policy
from auditor.kinds.s3_access_terraform import (
    NEW_BLOCK,
    NEW_OWNERSHIP,
    OWN_ENCRYPTION,
    account_block,
    acl,
    canned_acl,
    encryption,
    flags,
    ownership,
    resolved,
)
from auditor.kinds.s3_alarms_terraform import failure_alarms
from auditor.kinds.s3_lifecycle_terraform import lifecycle
from auditor.kinds.s3_notification_terraform import NOTIFICATION, notification
from auditor.kinds.s3_replication_terraform import replication
from auditor.model import Json, Text, Unread

VERSIONING = "aws_s3_bucket_versioning"
REPLICATION = "aws_s3_bucket_replication_configuration"
LIFECYCLE = "aws_s3_bucket_lifecycle_configuration"
BLOCK = "aws_s3_bucket_public_access_block"
OWNERSHIP = "aws_s3_bucket_ownership_controls"
ENCRYPTION = "aws_s3_bucket_server_side_encryption_configuration"
LOGGING = "aws_s3_bucket_logging"
LOCK = "aws_s3_bucket_object_lock_configuration"
PAYMENT = "aws_s3_bucket_request_payment_configuration"
POLICY = "aws_s3_bucket_policy"
ACL = "aws_s3_bucket_acl"

Own = Callable[[Planned], "Part | None"]
"""Return what the bucket itself says of a facet, in its older blocks or as the provider has read it; `None`: nothing."""

_LOCK_RULE = fields(
    {
        "default_retention": (
            "DefaultRetention",
            fields({"mode": ("Mode", text), "days": ("Days", whole), "years": ("Years", whole)}),
        )
    }
)


def _nothing(_planned: Planned) -> None:
    return None


def _split(
    kind: str,
    spelled: Callable[[Attached, Planned], Part | Unread | None],
    own: Own = _nothing,
    *,
    default: Json = None,
    gone: Json = None,
    for_all: bool = True,
) -> Facet:
    """Return the facet that a resource type of its own writes.

    Without such a resource it is what the bucket itself says, else `default`: what AWS gives to a bucket (with `for_all`
    off: only to one that is new). After the plan has taken the resource away it is `gone`.
    """

    def facet(planned: Planned) -> Part | Unread | None:
        writer = single(planned, kind)
        if isinstance(writer, Unread):
            return writer
        if writer is not None:
            return spelled(writer, planned)
        removed = planned.removed(kind)
        if removed:
            return None if gone is None else lifted(gone, removed[0].place)
        if not planned.covered:
            return not_in_plan(planned, kind)
        said = own(planned)
        if said is not None:
            return said
        if not (planned.fresh or for_all):
            detail = Text(
                f"{planned.id} exists already, and the plan has no {kind} for it.",
                f"{planned.id} は既に存在し、プランにその {kind} がありません。",
            )
            return Unread("NotInPlan", detail=detail)
        return None if default is None else lifted(default, planned.place)

    return facet


def _block(planned: Planned, name: str) -> Part | None:
    """Return an older block of the bucket; an empty one says that AWS has nothing there."""
    found = one(given(planned, name))
    return None if found is None or (empty(found) and not found.unread) else found


def _versioning(writer: Attached, _planned: Planned) -> Part:
    block = one(writer.read("versioning_configuration"))
    status = block.get("status") if block is not None else None
    if block is None or status is None:
        return malformed(Part(None, writer.place), "a status")
    # A bucket that never was versioned can only stay so: the provider sends nothing for Disabled.
    made = {} if status.value == "Disabled" else {"Status": status}
    deletion = block.get("mfa_delete")
    if deletion is not None and not empty(deletion):
        made["MFADelete"] = deletion
    return Part(made, block.place)


def _own_versioning(planned: Planned) -> Part | None:
    block, locked = _block(planned, "versioning"), given(planned, "object_lock_enabled")
    on = flag(locked) if locked is not None else None
    if on is not None and on.value is True:
        # A bucket with Object Lock is versioned from the start.
        return Part({"Status": Part("Enabled", on.place)}, on.place)
    if block is None or block.unread:
        return block
    enabled, deletion = block.get("enabled"), block.get("mfa_delete")
    made: dict[str, Part] = {}
    if enabled is not None and (enabled.unread or enabled.value is True):
        made["Status"] = enabled if enabled.unread else Part("Enabled", enabled.place)
    if deletion is not None and deletion.value is True:
        made["MFADelete"] = Part("Enabled", deletion.place)
    return Part(made, block.place)


def _location(planned: Planned) -> Part:
    return lifted({"Region": planned.region}, planned.place)


def _lifecycle(writer: Attached, _planned: Planned) -> Part | None:
    size = writer.read("transition_default_minimum_object_size")
    known = None if size is not None and size.unread else size
    return lifecycle(writer.read("rule"), known, Part(None, writer.place))


def _own_lifecycle(planned: Planned) -> Part | None:
    return lifecycle(given(planned, "lifecycle_rule"), None, Part(None, planned.place), old=True)


def _replication(writer: Attached, planned: Planned) -> Part:
    return resolved(replication(writer.read("role"), writer.read("rule"), Part(None, writer.place)), planned)


def _own_replication(planned: Planned) -> Part | None:
    block = _block(planned, "replication_configuration")
    if block is None or block.unread:
        return block
    return resolved(replication(block.get("role"), block.get("rules"), block, old=True), planned)


def _logging(read: Callable[[str], Part | None], place: Part) -> Part:
    bucket, prefix, key = (read(name) for name in ("target_bucket", "target_prefix", "target_object_key_format"))
    if bucket is None:
        return malformed(place, "a target_bucket")
    made = {"TargetBucket": bucket, "TargetPrefix": prefix if prefix is not None else Part("", place.place)}
    if key is not None and not empty(key):
        made["TargetObjectKeyFormat"] = _key_format(key)
    return Part({"LoggingEnabled": Part(made, place.place)}, place.place)


def _key_format(part: Part) -> Part:
    source = within(part, "partitioned_prefix", "partition_date_source")
    if source is None:
        return Part({"SimplePrefix": Part({}, part.place)}, part.place)
    return Part({"PartitionedPrefix": Part({"PartitionDateSource": source}, source.place)}, part.place)


def _own_logging(planned: Planned) -> Part | None:
    block = _block(planned, "logging")
    return block if block is None or block.unread else _logging(block.get, block)


def _lock(enabled: Part | None, rule: Part | None, place: Part) -> Part:
    made = {
        "ObjectLockEnabled": enabled if enabled is not None and not empty(enabled) else Part("Enabled", place.place)
    }
    if rule is not None and not empty(rule):
        made["Rule"] = _LOCK_RULE(rule)
    return Part(made, place.place)


def _own_lock(planned: Planned) -> Part | None:
    block, switch = _block(planned, "object_lock_configuration"), given(planned, "object_lock_enabled")
    if block is not None:
        return block if block.unread else _lock(block.get("object_lock_enabled"), block.get("rule"), block)
    on = flag(switch) if switch is not None else None
    if on is None or on.value is False:
        return None
    return on if on.unread else Part({"ObjectLockEnabled": Part("Enabled", on.place)}, on.place)


def _policy(planned: Planned) -> Part | Unread | None:
    found = whole_policy(planned, POLICY)
    if found is None and not planned.covered and not planned.attached(POLICY) and not planned.removed(POLICY):
        return not_in_plan(planned, POLICY)
    return found


def _own_payment(planned: Planned) -> Part | None:
    said = given(planned, "request_payer")
    return None if said is None or empty(said) else Part({"Payer": said}, said.place)


def _acl(planned: Planned) -> Part | Unread | None:
    writer = single(planned, ACL)
    if isinstance(writer, Unread):
        return writer
    said = given(planned, "acl") if writer is None else None
    if writer is not None:
        return acl(writer)
    if said is not None and not empty(said):
        return canned_acl(said)
    if planned.covered and planned.fresh and _block(planned, "grant") is None:
        return canned_acl(Part("private", planned.place))
    return not_in_plan(planned, ACL)


def _own_encryption(planned: Planned) -> Part | None:
    block = _block(planned, "server_side_encryption_configuration")
    return block if block is None or block.unread else encryption(block.get("rule"), planned)


def _text_or_default(writer: Attached, name: str, api: str) -> Part:
    said = writer.read(name)
    return Part({api: said} if said is not None else {}, writer.place)


_FACETS: Mapping[str, Facet] = {
    "Location": _location,
    "Versioning": _split(VERSIONING, _versioning, _own_versioning, default={}, gone={"Status": "Suspended"}),
    "Notification": _split(NOTIFICATION, lambda writer, _planned: notification(writer), default={}, gone={}),
    "Lifecycle": _split(LIFECYCLE, _lifecycle, _own_lifecycle),
    "Logging": _split(
        LOGGING,
        lambda writer, _planned: _logging(writer.read, Part(None, writer.place)),
        _own_logging,
        default={},
        gone={},
    ),
    "RequestPayment": _split(
        PAYMENT,
        lambda writer, _planned: _text_or_default(writer, "payer", "Payer"),
        _own_payment,
        default={"Payer": "BucketOwner"},
        gone={"Payer": "BucketOwner"},
    ),
    "ObjectLock": _split(
        LOCK,
        lambda writer, _planned: _lock(
            writer.read("object_lock_enabled"), writer.read("rule"), Part(None, writer.place)
        ),
        _own_lock,
        gone={"ObjectLockEnabled": "Enabled"},
    ),
    "MultipartUploads": lambda _planned: ONLY_LIVE,
    "Replication": _split(REPLICATION, _replication, _own_replication),
    "ReplicationJobs": lambda _planned: ONLY_LIVE,
    "Policy": _policy,
    "PolicyStatus": elsewhere,
    RCP: elsewhere,
    "PublicAccessBlock": _split(BLOCK, lambda writer, _planned: flags(writer), default=NEW_BLOCK, for_all=False),
    "AccountPublicAccessBlock": account_block,
    "OwnershipControls": _split(
        OWNERSHIP, lambda writer, _planned: ownership(writer), default=NEW_OWNERSHIP, for_all=False
    ),
    "Encryption": _split(
        ENCRYPTION,
        lambda writer, planned: encryption(writer.read("rule"), planned),
        _own_encryption,
        default=OWN_ENCRYPTION,
        gone=OWN_ENCRYPTION,
    ),
    "Acl": _acl,
    "ObjectSample": lambda _planned: ONLY_LIVE,
    "ReplicationMetrics": lambda _planned: ONLY_LIVE,
    "FailureAlarms": failure_alarms,
}
_WRITERS: Mapping[str, tuple[str, ...]] = {
    "Versioning": (VERSIONING,),
    "Notification": (NOTIFICATION,),
    "Lifecycle": (LIFECYCLE,),
    "Logging": (LOGGING,),
    "RequestPayment": (PAYMENT,),
    "ObjectLock": (LOCK,),
    "Replication": (REPLICATION,),
    "Policy": (POLICY,),
    "PublicAccessBlock": (BLOCK,),
    "OwnershipControls": (OWNERSHIP,),
    "Encryption": (ENCRYPTION,),
    "Acl": (ACL,),
}

BUCKET = Spelling(
    types=("aws_s3_bucket",),
    facets=_FACETS,
    attached={kind: "bucket" for kinds in _WRITERS.values() for kind in kinds},
    documents=_WRITERS,
    inline={
        "Versioning": ("versioning",),
        "Lifecycle": ("lifecycle_rule",),
        "Logging": ("logging",),
        "RequestPayment": ("request_payer",),
        "Replication": ("replication_configuration",),
        "Policy": ("policy",),
        "Encryption": ("server_side_encryption_configuration",),
        "Acl": ("acl", "grant"),
    },
)
