"""dynamodb.table in CloudFormation: AWS::DynamoDB::Table, and the replica of an AWS::DynamoDB::GlobalTable in a Region."""

from __future__ import annotations

from collections.abc import Callable

from auditor.kinds.declared import ONLY_LIVE, Declared, Spelling, only_live
from auditor.kinds.parts import Part, at, each, flag, members, policy, same, text, whole
from auditor.model import Text, Unread

GLOBAL = "AWS::DynamoDB::GlobalTable"

_MADE_BY_AWS = ("TableId", "CreationDateTime", "TableSizeBytes", "ItemCount", "LatestStreamArn", "LatestStreamLabel")
_KEY_SCHEMA = each(members(same("AttributeName", "KeyType")))
_ATTRIBUTES = each(members(same("AttributeName", "AttributeType")))


def _own(declared: Declared, name: str) -> Part | None:
    """Return a property of the table; of a global table, that of its replica in the Region."""
    if declared.type != GLOBAL:
        return declared.read(name)
    replica = _replica(declared)
    return replica if replica is None or replica.unread else replica.get(name)


def _replica(declared: Declared) -> Part | None:
    listed = declared.read("Replicas")
    unread = None
    for one in listed.items() if listed is not None else ():
        region = at(one, "Region")
        if region is None or region.unread or one.unread:
            unread = unread or one.unread or (region and region.unread)
        elif region.value == declared.target.region:
            return one
    if listed is None:
        return None
    detail = Text(
        f"{declared.id} has no replica in {declared.target.region}.",
        f"{declared.id} には {declared.target.region} のレプリカがありません。",
    )
    return Part(unread or Unread("NotInTemplate", detail=detail), listed.place)


def _backups(declared: Declared) -> Part:
    recovery = _own(declared, "PointInTimeRecoverySpecification")
    place = recovery.place if recovery is not None else declared.place
    enabled, days = at(recovery, "PointInTimeRecoveryEnabled"), at(recovery, "RecoveryPeriodInDays")
    on = flag(enabled) if enabled is not None else Part(value=False, place=place)
    if on.unread:
        described = {"PointInTimeRecoveryStatus": on, "RecoveryPeriodInDays": on}
    elif on.value:
        # DynamoDB keeps 35 days unless it is told otherwise.
        kept = whole(days) if days is not None else Part(35, place)
        described = {"PointInTimeRecoveryStatus": Part("ENABLED", on.place), "RecoveryPeriodInDays": kept}
        described |= {f"{end}RestorableDateTime": Part(ONLY_LIVE, on.place) for end in ("Earliest", "Latest")}
    else:
        described = {"PointInTimeRecoveryStatus": Part("DISABLED", on.place)}
    made = {"ContinuousBackupsStatus": Part("ENABLED", place), "PointInTimeRecoveryDescription": Part(described, place)}
    return Part(made, place)


def _description(declared: Declared) -> Part:
    place = declared.place
    protection = _own(declared, "DeletionProtectionEnabled")
    made = {
        "TableName": Part(declared.target.id, place),
        "TableArn": Part(declared.arn, place),
        # A stack is complete only when its tables are active.
        "TableStatus": Part("ACTIVE", place),
        "DeletionProtectionEnabled": flag(protection) if protection is not None else Part(value=False, place=place),
        **{name: Part(ONLY_LIVE, place) for name in _MADE_BY_AWS},
    }
    for name, spell in (("KeySchema", _KEY_SCHEMA), ("AttributeDefinitions", _ATTRIBUTES)):
        if (part := declared.read(name)) is not None:
            made[name] = part if part.unread else spell(part)
    encryption = _encryption(declared)
    return Part(made | ({"SSEDescription": encryption} if encryption is not None else {}), place)


def _encryption(declared: Declared) -> Part | None:
    """Return how the table is encrypted; absent where DynamoDB uses its own key."""
    said = declared.read("SSESpecification")
    enabled = at(said, "SSEEnabled")
    if said is None or enabled is None or said.unread:
        return said if said is not None and said.unread else None
    on, key = flag(enabled), _own(declared, "SSESpecification") if declared.type == GLOBAL else said
    if on.unread or not on.value:
        return on if on.unread else None
    named = at(key, "KMSMasterKeyId")
    made = {"Status": Part("ENABLED", on.place), "SSEType": Part("KMS", on.place)}
    return Part(made | ({"KMSMasterKeyArn": text(named)} if named is not None else {}), said.place)


def _policy(declared: Declared) -> Part | None:
    document = at(_own(declared, "ResourcePolicy"), "PolicyDocument")
    return None if document is None else policy(document)


def _replica_wise(facet: Callable[[Declared], Part | None]) -> Callable[[Declared], Part | Unread | None]:
    """Return the facet, unread where the global table has no replica in the Region (or nobody can tell)."""

    def read(declared: Declared) -> Part | Unread | None:
        replica = _replica(declared) if declared.type == GLOBAL else None
        return replica if replica is not None and replica.unread else facet(declared)

    return read


TABLE = Spelling(
    types=("AWS::DynamoDB::Table", GLOBAL),
    facets={
        "ContinuousBackups": _replica_wise(_backups),
        "Description": _replica_wise(_description),
        "Policy": _replica_wise(_policy),
        "Exports": only_live,
    },
)
