"""Pipelines proposed from what a template or plan makes: replication leads to buckets and role, notification to consumer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from auditor.iam import PolicyError, matches_action, matches_resource
from auditor.kinds.event_patterns import Free, matches, object_created
from auditor.model import Json, Resource, Unread

EXPORT = "dynamodb:ExportTableToPointInTime"
WANTED: Mapping[str, tuple[str, ...]] = {
    "dynamodb.table": ("Description",),
    "s3.bucket": ("Replication", "Notification", "Encryption"),
    "iam.role": ("Role", "InlinePolicies", "AttachedPolicies"),
    "lambda.function": ("Configuration",),
    "sqs.queue": ("Attributes",),
    "sns.topic": ("Attributes",),
    "events.rule": ("Rule",),
    "kms.key": ("Description",),
    "glue.table": ("Table",),
}
"""The facets that proposals look at."""

_HEARERS = {
    "LambdaFunctionConfigurations": ("LambdaFunctionArn", "lambda.function"),
    "QueueConfigurations": ("QueueArn", "sqs.queue"),
    "TopicConfigurations": ("TopicArn", "sns.topic"),
}
_HEAD = re.compile(r"^(?:function:|table/|key/|rule/|role/(?:.*/)?)")


@dataclass(frozen=True, slots=True)
class Place:
    """A proposed node: its kind, its address in the file (of what the file does not have its name), account and Region if told."""

    kind: str
    address: str = ""
    name: str = ""
    account: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A pipeline that may be meant: its nodes, the prefix of the exports, and what nobody could tell."""

    name: str
    nodes: Mapping[str, Place]
    prefix: str = ""
    open_ends: tuple[str, ...] = field(default=())


Grants = tuple[Mapping[str, Json], ...]
Exporter = tuple[str, Resource, Grants]


@dataclass(slots=True)
class _Known:
    """The resources of a file by what others call them; each list in the order of the file."""

    resources: Mapping[str, Resource]
    called: dict[tuple[str, str], str] = field(default_factory=dict)
    rules: list[str] = field(default_factory=list)
    tables: list[str] = field(default_factory=list)
    exporters: list[Exporter] = field(default_factory=list)

    def place(self, address: str) -> Place:
        """Return a resource of the file as a node."""
        one = self.resources[address]
        return Place(one.node.kind, address, account=_told(one), region=_region(one))


def _known(resources: Mapping[str, Resource]) -> _Known:
    made = _Known(resources)
    for address, one in resources.items():
        kind = one.node.kind
        for said in (one.arn, str(one.attributes.get("Name", ""))):
            if said:
                made.called.setdefault((kind, said), address)
        if kind == "events.rule":
            made.rules.append(address)
        elif kind == "glue.table":
            made.tables.append(address)
        elif kind == "iam.role" and any(_exports(grants := tuple(_grants(one)))):
            made.exporters.append((address, one, grants))
    return made


def propose(resources: Mapping[str, Resource]) -> list[Proposal]:
    """Return the pipelines that the resources of a file (by address) make up, in the order of their source buckets.

    A source bucket is one that replicates, or that an exporter writes to. Nothing is guessed: an end that leads to an
    unread value stays open, and is named.
    """
    known, made = _known(resources), []
    writers = _writers(known.exporters)
    for address, bucket in resources.items():
        if bucket.node.kind != "s3.bucket":
            continue
        arn = str(bucket.attributes.get("Arn", ""))
        mine = [row for row in (*writers.get(arn, ()), *writers.get("", ())) if _writes(row[2], arn)]
        rules = _rules(bucket)
        if rules or mine:
            made.append(_proposal(address, bucket, rules, sorted(mine, key=known.exporters.index), known))
    return _named(made)


def _writers(exporters: Iterable[Exporter]) -> Mapping[str, list[Exporter]]:
    """Return the exporters by the buckets that they name; under an empty text those that name some by a pattern."""
    made: dict[str, list[Exporter]] = {}
    for row in exporters:
        said = {text.partition("/")[0] for grant in row[2] for text in _texts(grant.get("Resource")) if ":s3:" in text}
        for bucket in {"" if set(one) & set("*?$") else one for one in said}:
            made.setdefault(bucket, []).append(row)
    return made


def _proposal(
    address: str, bucket: Resource, rules: list[Mapping[str, Json]], exporters: list[Exporter], known: _Known
) -> Proposal:
    nodes: dict[str, Place] = {"source_bucket": known.place(address)}
    open_ends: list[str] = []
    if rules:
        rule = rules[0]
        destination = rule.get("Destination") or {}
        ends = {
            "destination_bucket": ("s3.bucket", destination.get("Bucket"), destination.get("Account")),
            "replication_role": ("iam.role", (bucket.facets.get("Replication") or {}).get("Role"), None),
            "destination_key": (
                "kms.key",
                (destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID"),
                destination.get("Account"),
            ),
        }
        for node, (kind, said, account) in ends.items():
            _add(nodes, open_ends, node, _place(kind, said, account, known), said)
    hearer = _consumer(bucket, known)
    _add(nodes, open_ends, "consumer", hearer if isinstance(hearer, Place) else None, hearer)
    key = _key(bucket)
    _add(nodes, open_ends, "source_key", _place("kms.key", key, None, known), key)
    if exporters:
        role, _, grants = exporters[0]
        nodes["exporter"] = known.place(role)
        tables = {found for said in _exports(grants) if (found := _place("dynamodb.table", said, None, known))}
        if len(tables) == 1:
            nodes["table"] = tables.pop()
        else:
            open_ends.append("table")
    _catalog(nodes, known)
    return Proposal(address, nodes, _prefix(bucket, rules), tuple(open_ends))


def _add(nodes: dict[str, Place], open_ends: list[str], node: str, place: Place | None, said: Json) -> None:
    if place is not None:
        nodes[node] = place
    elif isinstance(said, Unread):
        open_ends.append(node)


def _rules(bucket: Resource) -> list[Mapping[str, Json]]:
    listed = _part(bucket.facets.get("Replication"), "Rules")
    rules = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return [one for one in rules if one.get("Status") != "Disabled"]


def _part(value: Json, name: str) -> Json:
    return value.get(name) if isinstance(value, Mapping) else value if isinstance(value, Unread) else None


def _place(kind: str, said: Json, account: Json, known: _Known) -> Place | None:
    """Return the node that a reference leads to: a resource of the file, else the name that an ARN (or the text) holds."""
    if not isinstance(said, str) or not said or "*" in said:
        return None
    if (kind, said) in known.called:
        return known.place(known.called[kind, said])
    if "(" in said:
        return None
    parts = said.split(":", 5)
    owner = account if isinstance(account, str) else parts[4] if len(parts) == 6 else ""
    name = said if kind == "kms.key" else _HEAD.sub("", parts[5]) if len(parts) == 6 else said
    return Place(kind, "", name, owner if owner.strip("0") else "")


def _told(one: Resource) -> str:
    """Return the id of the account that a plan itself tells; such an account has no other name."""
    return one.node.account.id if one.node.account.name == one.node.account.id else ""


def _region(one: Resource) -> str:
    """Return the Region that a resource lies in; empty for a role, which lies in none."""
    return "" if one.node.kind == "iam.role" else one.node.account.region


def _consumer(bucket: Resource, known: _Known) -> Place | Unread | None:
    """Return whom the bucket tells of new objects: directly, else through EventBridge."""
    document = bucket.facets.get("Notification")
    unread: Unread | None = document if isinstance(document, Unread) else None
    for name, (arn, kind) in _HEARERS.items():
        listed = _part(document, name)
        for one in listed if isinstance(listed, list) else []:
            events = _part(one, "Events")
            if isinstance(one, Unread) or isinstance(events, Unread):
                unread = unread or (one if isinstance(one, Unread) else events)
            elif any(str(event).startswith("s3:ObjectCreated:") for event in events or []):
                said = _part(one, arn)
                place = _place(kind, said, None, known)
                if place is not None:
                    return place
                unread = unread or (said if isinstance(said, Unread) else None)
    if _part(document, "EventBridgeConfiguration") is not None:
        return next(_woken(bucket, known), unread)
    return unread


def _woken(bucket: Resource, known: _Known) -> Iterator[Place]:
    said = {name: bucket.attributes.get(name) for name in ("Name", "Arn", "Account")}
    region = bucket.node.settings.get("region") or bucket.node.account.region
    event = object_created({**said, "Region": region}, Free(), "CompleteMultipartUpload")
    for address in known.rules:
        pattern = _part(known.resources[address].facets.get("Rule"), "EventPattern")
        names = _part(_part(_part(pattern, "detail"), "bucket"), "name")
        others = isinstance(names, list) and names and all(isinstance(one, str) for one in names)
        if others and said["Name"] not in names:
            continue
        if isinstance(pattern, Mapping) and pattern and matches(pattern, event) is True:
            yield known.place(address)


def _key(bucket: Resource) -> Json:
    listed = _part(bucket.facets.get("Encryption"), "Rules")
    rule = listed[0] if isinstance(listed, list) and listed else None
    return _part(_part(rule, "ApplyServerSideEncryptionByDefault"), "KMSMasterKeyID")


def _prefix(bucket: Resource, rules: Iterable[Mapping[str, Json]]) -> str:
    """Return the prefix that the first replication rule, else the first notification, is limited to."""
    for rule in rules:
        filters = rule.get("Filter")
        found = _part(_part(filters, "And"), "Prefix") or _part(filters, "Prefix") or rule.get("Prefix")
        if isinstance(found, str) and found:
            return _whole(found)
    for name in _HEARERS:
        listed = _part(bucket.facets.get("Notification"), name)
        for one in listed if isinstance(listed, list) else []:
            rows = _part(_part(_part(one, "Filter"), "Key"), "FilterRules")
            for row in rows if isinstance(rows, list) else []:
                if str(_part(row, "Name")).lower() == "prefix" and isinstance(_part(row, "Value"), str):
                    return _whole(row["Value"])
    return ""


def _whole(prefix: str) -> str:
    """Return the prefix of the exports: what stands before the folder that DynamoDB makes."""
    head, found, _ = prefix.partition("AWSDynamoDB")
    return head if found or prefix.endswith("/") else ""


def _grants(role: Resource) -> Iterator[Mapping[str, Json]]:
    for facet in ("InlinePolicies", "AttachedPolicies"):
        documents = role.facets.get(facet)
        for document in documents.values() if isinstance(documents, Mapping) else ():
            statements = _part(document, "Statement")
            for one in statements if isinstance(statements, list) else [statements]:
                if isinstance(one, Mapping) and one.get("Effect") == "Allow":
                    yield one


def _texts(value: Json) -> list[str]:
    return [one for one in (value if isinstance(value, list) else [value]) if isinstance(one, str)]


def _exports(grants: Iterable[Mapping[str, Json]]) -> Iterator[str]:
    """Yield the tables whose export is granted, as they are written."""
    for one in grants:
        if any(matches_action(pattern, EXPORT) for pattern in _texts(one.get("Action"))):
            yield from (said.split("/export/")[0] for said in _texts(one.get("Resource")) or [""])


def _writes(grants: Iterable[Mapping[str, Json]], bucket: str) -> bool:
    """Tell whether writing objects into this very bucket (and not into any) is granted."""
    for one in grants:
        if any(matches_action(pattern, "s3:PutObject") for pattern in _texts(one.get("Action"))):
            named = (said for said in _texts(one.get("Resource")) if said.split(":::")[-1][:1] != "*")
            if bucket and any(_covers(said, bucket) for said in named):
                return True
    return False


def _covers(pattern: str, bucket: str) -> bool:
    try:
        return pattern.startswith(bucket) or bool(matches_resource(pattern, f"{bucket}/key"))
    except PolicyError:
        return False


def _catalog(nodes: dict[str, Place], known: _Known) -> None:
    """Add the catalog table whose data lie in the destination bucket (in the source bucket, when there is no other)."""
    bucket = nodes.get("destination_bucket") or nodes["source_bucket"]
    mine = known.resources.get(bucket.address)
    name = str(mine.attributes.get("Name", "")) if mine is not None else bucket.name
    for address in known.tables:
        location = _part(_part(known.resources[address].facets.get("Table"), "StorageDescriptor"), "Location")
        if name and isinstance(location, str) and location.startswith(f"s3://{name}/"):
            nodes["catalog_table"] = known.place(address)
            return


def _named(made: list[Proposal]) -> list[Proposal]:
    """Give each proposal a name of its own: its table's or its source bucket's address, fit for a pipeline file."""
    taken: set[str] = set()
    named = []
    for one in made:
        table = one.nodes.get("table")
        said = (table.address or table.name) if table is not None else one.name
        name = base = re.sub(r"[^A-Za-z0-9._-]+", "-", said).strip("-._") or "pipeline"
        number = 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name)
        named.append(Proposal(name, one.nodes, one.prefix, one.open_ends))
    return named


def plain(proposals: Iterable[Proposal], source: str, account: str = "", region: str = "") -> Json:
    """Return proposals as the `pipelines` of a pipeline file: addresses by `source`, names by their keys.

    A node stands in the account that the file tells (by its id), else in `account`; it says its Region where that is
    not `region`, that of the accounts.
    """
    keys = {"iam.role": "role", "lambda.function": "lambda", "sqs.queue": "sqs", "sns.topic": "sns"}
    keys |= {"events.rule": "eventbridge_rule", "kms.key": "arn"}
    result = {}
    for one in proposals:
        nodes = {}
        for node, place in one.nodes.items():
            said = {source: place.address} if place.address else {keys.get(place.kind, "name"): place.name}
            kind = {"kind": place.kind} if node == "consumer" and place.address else {}
            prefix = {"prefix": one.prefix} if node == "source_bucket" and one.prefix else {}
            there = {"region": place.region} if region and place.region not in ("", region) else {}
            nodes[node] = {"account": place.account or account, **kind, **said, **there, **prefix}
        result[one.name] = nodes
    return result
