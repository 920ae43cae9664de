"""Finds the pipelines that live in accounts, for a person to declare: what leads where, and from what that was inferred."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from auditor.fleet.discovery_found import Discovery, FoundNode, FoundPipeline, Wish, named
from auditor.fleet.discovery_upstream import placed, role_name, upstream
from auditor.fleet.discovery_world import Bucket, Export, Reader, World, survey
from auditor.kinds.event_patterns import Free, matches, object_created
from auditor.model import EMPTY, Account, Json
from auditor.pipeline.names import read_arn

if TYPE_CHECKING:
    from auditor.aws import Aws

_HEARERS = (
    ("LambdaFunctionConfigurations", "LambdaFunctionArn", "lambda", "function:"),
    ("QueueConfigurations", "QueueArn", "sqs", ""),
    ("TopicConfigurations", "TopicArn", "sns", ""),
)


def discover(aws: Aws, accounts: Sequence[Account], regions: Sequence[str] = ()) -> Discovery:
    """Return the pipelines of the accounts, in the order of their source buckets; a refused read is a gap, never an error.

    A pipeline begins at a bucket that replicates, or that a table is exported to. Tables and EventBridge rules are looked
    for in `regions` (without them: in each account's own), buckets wherever they lie.
    """
    reader = Reader(aws)
    world = survey(reader, accounts, regions)
    made = [_pipeline(reader, world, bucket, export) for bucket, export in _beginnings(world)]
    made += [_abroad(reader, world, export) for export in world.exports if export.bucket not in world.buckets]
    pipelines = named(made)
    used = {tuple(one.nodes["table"].words.items()) for one in pipelines if "table" in one.nodes}
    return Discovery(tuple(accounts), pipelines, tuple(_alone(reader, world, used)), reader.gaps())


def _beginnings(world: World) -> Iterator[tuple[Bucket, Export | None]]:
    for name, bucket in world.buckets.items():
        exports = [one for one in world.exports if one.bucket == name]
        yield from ((bucket, one) for one in exports)
        if not exports and _rules(bucket):
            yield bucket, None


def _rules(bucket: Bucket) -> list[Mapping[str, Json]]:
    return [one for one in (bucket.replication or {}).get("Rules") or [] if one.get("Status") == "Enabled"]


def _pipeline(reader: Reader, world: World, bucket: Bucket, export: Export | None) -> FoundPipeline:
    notes: list[str] = []
    prefix, whence = _prefix(bucket, export)
    nodes = upstream(world, bucket, export, notes)
    why = f"exported to, as the newest export of {export.table} says" if export else "it replicates"
    words = {"name": bucket.name, **({"prefix": prefix} if prefix else {})}
    nodes["source_bucket"] = FoundNode(
        placed(bucket.account, bucket.region, words), why + (f"; prefix from {whence}" if prefix else "")
    )
    hearer = _consumer(world, bucket, prefix, notes)
    if hearer is not None:
        nodes["consumer"] = hearer
    rule = next((one for one in _rules(bucket) if _covers(_filter(one), prefix)), None) or next(
        iter(_rules(bucket)), None
    )
    if rule is not None:
        _downstream(world, bucket, rule, nodes, notes)
    key = _source_key(reader, world, bucket, notes)
    if key is not None:
        nodes["source_key"] = key
    intent = (*_wishes(rule, hearer), *_recovery(reader, world, nodes.get("table")))
    return FoundPipeline(nodes["table"].words["name"] if "table" in nodes else bucket.name, nodes, intent, tuple(notes))


def _abroad(reader: Reader, world: World, export: Export) -> FoundPipeline:
    """Return the pipeline of a table whose exports go to a bucket that no asked account lists."""
    words = placed(export.account, export.region, {"name": export.table})
    table = FoundNode(words, "its newest export")
    owner = next((one for one in world.accounts if one.id == export.owner), None)
    nodes = {"table": table}
    notes = [
        f"its newest export went to bucket {export.bucket} of account {export.owner or 'unknown'}, which was not read"
    ]
    if owner is not None:
        nodes["source_bucket"] = FoundNode(
            {
                "account": owner.name,
                "name": export.bucket,
                **({"prefix": _folder(export.prefix)} if export.prefix else {}),
            },
            "the newest export; the bucket itself could not be listed",
        )
        notes = []
    return FoundPipeline(export.table, nodes, _recovery(reader, world, table), tuple(notes))


def _alone(reader: Reader, world: World, used: set[tuple[tuple[str, str], ...]]) -> Iterator[str]:
    for account, region, name in world.tables:
        if tuple(placed(account, region, {"name": name}).items()) not in used:
            document = reader.facet("dynamodb.table", account, region, name, "ContinuousBackups")
            if _days(document):
                yield (
                    f"table {name} ({account.name}, {region}) has point-in-time recovery, but no export of it was seen:"
                    " it is not declared"
                )


def _folder(prefix: str) -> str:
    return prefix if not prefix or prefix.endswith("/") else f"{prefix}/"


def _prefix(bucket: Bucket, export: Export | None) -> tuple[str, str]:
    """Return the prefix of the exports and what says so: an export, else the replication, else the notification."""
    if export is not None:
        return _folder(export.prefix), "the newest export"
    for rule in _rules(bucket):
        if (found := _whole(_filter(rule))) is not None:
            return found, "the replication rule"
    for name, *_ in _HEARERS:
        for one in (bucket.notification or {}).get(name) or []:
            if (found := _whole(_heard_prefix(one))) is not None:
                return found, "the notification"
    return "", ""


def _whole(prefix: str) -> str | None:
    """Return the prefix of the exports: what stands before the folder that DynamoDB makes."""
    head, found, _ = prefix.partition("AWSDynamoDB")
    return head if found or prefix.endswith("/") else None


def _filter(rule: Mapping[str, Json]) -> str:
    limits = rule.get("Filter") or {}
    return str((limits.get("And") or {}).get("Prefix") or limits.get("Prefix") or rule.get("Prefix") or "")


def _heard_prefix(one: Mapping[str, Json]) -> str:
    rows = ((one.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []
    return next((str(row.get("Value") or "") for row in rows if str(row.get("Name")).lower() == "prefix"), "")


def _covers(limit: str, prefix: str) -> bool:
    return f"{prefix}AWSDynamoDB/".startswith(limit) or limit.startswith(f"{prefix}AWSDynamoDB/")


def _consumer(world: World, bucket: Bucket, prefix: str, notes: list[str]) -> FoundNode | None:
    """Return whom the bucket tells of new objects: directly, else through EventBridge."""
    document = bucket.notification or {}
    heard: list[tuple[bool, FoundNode]] = []
    for name, member, word, head in _HEARERS:
        for one in document.get(name) or []:
            if not any(str(event).startswith("s3:ObjectCreated:") for event in one.get("Events") or []):
                continue
            said = read_arn(str(one.get(member) or ""))
            account = _owner(world, said.account) if said else None
            if said is None or account is None:
                notes.append(f"consumer: {one.get(member)} lies in an account that was not asked")
                continue
            words = placed(account, said.region, {word: said.resource.removeprefix(head)})
            heard.append((_covers(_heard_prefix(one), prefix), FoundNode(words, "the bucket's notification")))
    if heard:
        return next((node for fits, node in heard if fits), heard[0][1])
    if document.get("EventBridgeConfiguration") is not None:
        return _woken(world, bucket, notes)
    return None


def _woken(world: World, bucket: Bucket, notes: list[str]) -> FoundNode | None:
    known = {"Name": bucket.name, "Arn": f"arn:{bucket.account.partition}:s3:::{bucket.name}"}
    event = object_created(
        {**known, "Account": bucket.account.id, "Region": bucket.region}, Free(), "CompleteMultipartUpload"
    )
    rules = [one for one in world.rules if one.account == bucket.account and one.region == bucket.region]
    hearing = [one for one in rules if matches(one.pattern, event) is True]
    # A rule that names the bucket is meant for it; one that hears everything may be an archive.
    meant = [one for one in hearing if bucket.name in json.dumps(one.pattern, ensure_ascii=False)] or hearing
    if not meant:
        notes.append("the bucket tells EventBridge, but no rule that was read hears of new exports")
        return None
    if len(meant) > 1:
        notes.append(f"several EventBridge rules hear of new objects: {', '.join(one.name for one in meant)}")
    words = placed(bucket.account, bucket.region, {"eventbridge_rule": meant[0].name})
    return FoundNode(words, "the bucket tells EventBridge, and this rule's pattern matches")


def _owner(world: World, identity: str) -> Account | None:
    return next((one for one in world.accounts if one.id == identity), None)


def _downstream(
    world: World, bucket: Bucket, rule: Mapping[str, Json], nodes: dict[str, FoundNode], notes: list[str]
) -> None:
    """Add replication role, destination bucket and its key."""
    role = read_arn(str((bucket.replication or {}).get("Role") or ""))
    account = _owner(world, role.account) if role else None
    if role is not None and account is not None:
        words = {"account": account.name, "role": role_name(f":{role.resource}")}
        nodes["replication_role"] = FoundNode(words, "the replication configuration")
    goal = rule.get("Destination") or {}
    name = str(goal.get("Bucket") or "").rpartition(":::")[2]
    said = str(goal.get("Account") or "")
    known = world.buckets.get(name)
    owner = known.account if known else _owner(world, said)
    if owner is None:
        where = f"account {said}" if said else "an account that does not let it be listed, or was not asked"
        notes.append(f"destination_bucket {name} lies in {where}: run again with --account NAME={said or 'ID'}")
    else:
        region = known.region if known else owner.region
        nodes["destination_bucket"] = FoundNode(placed(owner, region, {"name": name}), "the replication rule")
    key = str((goal.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID") or "")
    if key:
        _add_key(world, owner, key, "destination_key", "the replication rule", nodes, notes)
    others = {str((one.get("Destination") or {}).get("Bucket") or "") for one in _rules(bucket)} - {goal.get("Bucket")}
    if others:
        notes.append(f"it replicates to {', '.join(sorted(others))} too; declare a second pipeline for each")


def _source_key(reader: Reader, world: World, bucket: Bucket, notes: list[str]) -> FoundNode | None:
    document = reader.facet("s3.bucket", bucket.account, bucket.region, bucket.name, "Encryption")
    nodes: dict[str, FoundNode] = {}
    for one in (document or {}).get("Rules") or []:
        key = str((one.get("ApplyServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID") or "")
        if key:
            _add_key(
                world, bucket.account, key, "source_key", "the bucket's default encryption", nodes, notes, bucket.region
            )
    return nodes.get("source_key")


def _add_key(
    world: World,
    owner: Account | None,
    key: str,
    node: str,
    why: str,
    nodes: dict[str, FoundNode],
    notes: list[str],
    region: str = "",
) -> None:
    if "alias/aws/" in key:
        return  # the keys that AWS manages have no policy to audit
    said = read_arn(key)
    account = _owner(world, said.account) if said else owner
    if account is None:
        notes.append(f"{node} {key} lies in an account that was not asked")
        return
    word = "alias" if (said.resource if said else key).startswith("alias/") else "key"
    nodes[node] = FoundNode(placed(account, said.region if said else region, {word: key}), why)


def _wishes(rule: Mapping[str, Json] | None, hearer: FoundNode | None) -> Iterator[Wish]:
    if hearer is not None:
        yield Wish("wake_on", "exports", "exports are multipart uploads; all_objects if single puts must wake it too")
    if rule is None:
        return
    markers = (rule.get("DeleteMarkerReplication") or {}).get("Status")
    if markers == "Enabled":
        yield Wish("delete_markers", "replicate", "the replication rule replicates them")
    else:
        yield Wish("delete_markers", "replicate", "or keep; the rule does not replicate them today", sure=False)
    timed = ((rule.get("Destination") or {}).get("ReplicationTime") or {}).get("Status") == "Enabled"
    if timed:
        yield Wish("replication_time_control", "required", "the replication rule has it")
    else:
        yield Wish("replication_time_control", "required", "or optional; the rule is without it today", sure=False)
    yield Wish("existing_objects", "replicate", "or ignore: objects older than the rule", sure=False)


def _recovery(reader: Reader, world: World, table: FoundNode | None) -> tuple[Wish, ...]:
    if table is None:
        return ()
    account = next(one for one in world.accounts if one.name == table.words["account"])
    region = table.words.get("region", account.region)
    document = reader.facet("dynamodb.table", account, region, table.words["name"], "ContinuousBackups")
    if days := _days(document):
        return (Wish("recovery_period_days", days, "the table's point-in-time recovery today"),)
    why = "point-in-time recovery is off today" if document else "point-in-time recovery could not be read"
    return (Wish("recovery_period_days", 35, why, sure=False),)


def _days(document: Json) -> int:
    said = ((document or EMPTY).get("PointInTimeRecoveryDescription")) or {}
    # AWS keeps 35 days when the answer names no period.
    return int(said.get("RecoveryPeriodInDays") or 35) if said.get("PointInTimeRecoveryStatus") == "ENABLED" else 0
