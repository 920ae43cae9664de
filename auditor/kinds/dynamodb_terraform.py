"""dynamodb.table in Terraform: aws_dynamodb_table, and its replica in another Region."""

from __future__ import annotations

from collections.abc import Callable

from auditor.kinds.declared import ONLY_LIVE
from auditor.kinds.parts import Part, each, flag, policy, text, whole
from auditor.kinds.planned import Planned, Spelling, empty, fields, given, not_in_plan, one, within
from auditor.kinds.policies_terraform import single
from auditor.model import Text, Unread

POLICY = "aws_dynamodb_resource_policy"
REPLICA = "aws_dynamodb_table_replica"

_MADE_BY_AWS = ("TableId", "CreationDateTime", "TableSizeBytes", "ItemCount", "LatestStreamArn", "LatestStreamLabel")
_ATTRIBUTES = each(fields({"name": ("AttributeName", text), "type": ("AttributeType", text)}))


def _is_replica(planned: Planned) -> bool:
    return isinstance(planned.region, str) and planned.region != planned.target.region


def _replica(planned: Planned) -> Callable[[str], Part | None] | Unread:
    """Return what reads the table's replica in the Region that the pipeline names, or why there is none."""
    unread: Unread | None = None
    for found in planned.attached(REPLICA):
        region = found.read("region")
        if found.doubt is None and region is not None and region.value == planned.target.region:
            return found.read
        unread = unread or found.doubt
    listed = given(planned, "replica")
    for block in listed.items() if listed is not None else ():
        region = block.get("region_name") if not block.unread else None
        if block.unread or region is None or region.unread:
            unread = unread or block.unread or (region.unread if region is not None else None)
        elif region.value == planned.target.region:
            return block.get
    detail = Text(
        f"{planned.id} has no replica in {planned.target.region}.",
        f"{planned.id} には {planned.target.region} のレプリカがありません。",
    )
    return unread or Unread("NotInPlan", detail=detail)


def _here(facet: Callable[[Planned, Callable[[str], Part | None]], Part]) -> Callable[[Planned], Part | Unread]:
    """Return the facet of the table, or of its replica where the pipeline's Region is another one."""

    def read(planned: Planned) -> Part | Unread:
        if not planned.covered:
            return not_in_plan(planned, "aws_dynamodb_table")
        found = _replica(planned) if _is_replica(planned) else lambda name: given(planned, name)
        return found if isinstance(found, Unread) else facet(planned, found)

    return read


def _backups(planned: Planned, read: Callable[[str], Part | None]) -> Part:
    said = read("point_in_time_recovery")
    block = one(said) if said is not None and isinstance(said.value, list) else None
    enabled, days = (block.get("enabled"), block.get("recovery_period_in_days")) if block is not None else (said, None)
    place = said.place if said is not None else planned.place
    on = flag(enabled) if enabled is not None and not empty(enabled) else Part(value=False, place=place)
    if on.unread:
        described = {"PointInTimeRecoveryStatus": on, "RecoveryPeriodInDays": on}
    elif on.value:
        # DynamoDB keeps 35 days unless it is told otherwise; zero is Terraform's "not set".
        told = days is not None and days.value not in (None, 0)
        kept = whole(days) if days is not None and told else Part(35, place)
        described = {"PointInTimeRecoveryStatus": Part("ENABLED", on.place), "RecoveryPeriodInDays": kept}
        described |= {f"{end}RestorableDateTime": Part(ONLY_LIVE, on.place) for end in ("Earliest", "Latest")}
    else:
        described = {"PointInTimeRecoveryStatus": Part("DISABLED", on.place)}
    made = {"ContinuousBackupsStatus": Part("ENABLED", place), "PointInTimeRecoveryDescription": Part(described, place)}
    return Part(made, place)


def _description(planned: Planned, read: Callable[[str], Part | None]) -> Part:
    place = planned.place
    protection = read("deletion_protection_enabled")
    made = {
        "TableName": Part(planned.target.id, place),
        "TableArn": Part(planned.arn, place),
        # Terraform waits until its tables are active.
        "TableStatus": Part("ACTIVE", place),
        "DeletionProtectionEnabled": flag(protection) if protection is not None else Part(value=False, place=place),
        **{name: Part(ONLY_LIVE, place) for name in _MADE_BY_AWS},
    }
    keys = [(name, kind) for name, kind in (("hash_key", "HASH"), ("range_key", "RANGE"))]
    known = [(part, kind) for name, kind in keys if (part := given(planned, name)) is not None and not empty(part)]
    schema = [Part({"AttributeName": part, "KeyType": Part(kind, part.place)}, part.place) for part, kind in known]
    if schema:
        made["KeySchema"] = Part(schema, place)
    if (attributes := given(planned, "attribute")) is not None:
        made["AttributeDefinitions"] = _ATTRIBUTES(attributes)
    encryption = _encryption(planned, read)
    return Part(made | ({"SSEDescription": encryption} if encryption is not None else {}), place)


def _encryption(planned: Planned, read: Callable[[str], Part | None]) -> Part | None:
    """Return how the table is encrypted; absent where DynamoDB uses its own key."""
    block = given(planned, "server_side_encryption")
    enabled = within(block, "enabled")
    if enabled is None:
        return block if block is not None and block.unread else None
    on = flag(enabled)
    if on.unread or not on.value:
        return on if on.unread else None
    named = read("kms_key_arn") if _is_replica(planned) else within(block, "kms_key_arn")
    made = {"Status": Part("ENABLED", on.place), "SSEType": Part("KMS", on.place)}
    key = {"KMSMasterKeyArn": named if named.unread else text(named)} if named is not None and not empty(named) else {}
    return Part(made | key, on.place)


def _policy(planned: Planned) -> Part | Unread | None:
    writer = single(planned, POLICY)
    if isinstance(writer, Unread):
        return writer
    if writer is not None:
        document = writer.read("policy")
        return None if document is None else policy(document)
    return None if planned.covered or planned.removed(POLICY) else not_in_plan(planned, POLICY)


TABLE = Spelling(
    types=("aws_dynamodb_table",),
    facets={
        "ContinuousBackups": _here(_backups),
        "Description": _here(_description),
        "Policy": _policy,
        "Exports": lambda _planned: ONLY_LIVE,
    },
    attached={POLICY: "resource_arn", REPLICA: "global_table_arn"},
    documents={"Policy": (POLICY,)},
)
