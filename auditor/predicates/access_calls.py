"""What the parts of a pipeline ask of AWS: the requests that exports, replication, events and keys lead to."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from auditor.iam import Request
from auditor.iam.contexts import (
    Circumstances,
    api_call,
    assume_replication_role,
    event_delivery,
    export_kms,
    export_write,
    notification,
    replication,
    replication_kms,
)
from auditor.kinds import gone
from auditor.kinds.organizations import RCP, SCP
from auditor.model import Json, Text, Unread
from auditor.predicates.access_keys import Key, export_encryption, exports_encrypted, replica_key, source_keys
from auditor.predicates.exports import Maybe, all_of, any_of, export_prefix, full_export_keys, same
from auditor.predicates.notifications import entries
from auditor.predicates.organizations import organization
from auditor.predicates.replication import Contest, winners
from auditor.scope import NotRead, Scope

DELIVERY: Mapping[str, str] = MappingProxyType(
    {"lambda.function": "lambda:InvokeFunction", "sqs.queue": "sqs:SendMessage", "sns.topic": "sns:Publish"}
)
_RECEIVER = {"lambda": "lambda.function", "sqs": "sqs.queue", "sns": "sns.topic"}


_NOT_KNOWN = Text("{} is not known", "{} が分かりません")
_NO_ARN = Text("the role's ARN is not known", "ロールの ARN が分かりません")
_ALIAS = Text(
    "S3 invokes {}: declare the function with its alias",
    "S3 が呼び出すのは {} です。関数をエイリアス付きで宣言してください",
)


@dataclass(frozen=True, slots=True)
class Ask:
    """One thing that must be allowed.

    `variants` are the forms that the request may take, of which nobody knows which; `caller` the role's node (empty: a
    service), `guard` the route of the policy at the resource (empty: the pipeline has no node for it), `on` the resource
    as a pattern to grant. `needed` is unread where it is not known whether the request is made; `instead` is a request
    that does as well.
    """

    variants: tuple[Request, ...]
    caller: str
    guard: str
    on: str
    needed: Maybe = True
    instead: Request | None = None

    @property
    def action(self) -> str:
        """Return the IAM action."""
        return self.variants[0].action


def text_at(scope: Scope, route: str) -> str:
    """Return the text at a route, or raise `NotRead`; an absent one is unread too, for nothing can be asked of it."""
    value = scope.take(route)
    if not isinstance(value, str):
        raise NotRead(route, Unread("NotDeclared", detail=_NOT_KNOWN.fill(route)))
    return value


def role_arn(scope: Scope, node: str) -> str:
    """Return a role's ARN with its path: as IAM tells it, as it is declared, or as the bucket names its own role."""
    found = scope.find(f"{node}.Arn")
    if isinstance(found.value, str):
        return found.value
    known = scope.resource(node)
    if known and found.unread is not None and gone(known, found.unread):
        # Nobody can be allowed, or refused, what a role does that is not there.
        raise NotRead(found.route, found.unread)
    declared = known.node.id if known else ""
    if declared.startswith("arn:"):
        return declared
    path, name = (scope.find(f"{node}.Role.{field}").value for field in ("Path", "RoleName"))
    whole = f"{path}{name}" if isinstance(path, str) and isinstance(name, str) else declared if "/" in declared else ""
    if known and whole:
        # A name with its path makes the ARN, also of a role that a template has yet to create.
        return f"arn:{known.node.account.partition}:iam::{known.node.account.id}:role/{whole.strip('/')}"
    if node == "replication_role" and scope.resource("source_bucket"):
        used = scope.find("source_bucket.Replication.Role").value
        if declared and isinstance(used, str) and used.rpartition("/")[2] == declared.rpartition("/")[2]:
            return used
    raise NotRead(found.route, found.unread or Unread("NotDeclared", detail=_NO_ARN))


def around(scope: Scope, place: str, role: str = "") -> Circumstances:
    """Return what is known around a request to the resource at a node: its Region, the role's tags, the organisations."""
    region = scope.find(f"{place}.Region").value
    return Circumstances(
        region=region if isinstance(region, str) else None,
        principal_org=organization(scope, role) if role else None,
        resource_org=organization(scope, place),
        source_org=organization(scope, "source_bucket"),
        tags=_tags(scope, role) if role else None,
    )


def _tags(scope: Scope, role: str) -> Mapping[str, str] | None:
    known = scope.find(f"{role}.Role").value
    if not isinstance(known, Mapping) or isinstance(known.get("Tags"), Unread):
        return None
    listed = known.get("Tags") or []
    return {str(tag.get("Key")): str(tag.get("Value")) for tag in listed if isinstance(tag, Mapping)}


def _export_start(scope: Scope) -> Iterator[Ask]:
    if scope.resource("table"):
        arn, account = text_at(scope, "table.Arn"), text_at(scope, "table.Account")
        role = role_arn(scope, "exporter")
        action = "dynamodb:ExportTableToPointInTime"
        request = api_call(role, action, arn, owner=account, around=around(scope, "table", "exporter"))
        yield Ask((request,), "exporter", "table.Policy", arn)


def _export_writes(scope: Scope) -> Iterator[Ask]:
    if not scope.resource("source_bucket"):
        return
    bucket, account = text_at(scope, "source_bucket.Arn"), text_at(scope, "source_bucket.Account")
    role, known = role_arn(scope, "exporter"), around(scope, "source_bucket", "exporter")
    below = f"{bucket}/{scope.find('source_bucket.Prefix').value or ''}*"
    keys = full_export_keys(export_prefix(scope))
    for action in ("s3:PutObject", "s3:AbortMultipartUpload", "s3:PutObjectAcl"):
        forms = export_encryption(scope) if action == "s3:PutObject" else (("", ""),)
        for key in (keys[0], keys[2]):
            requests = (
                export_write(role, action, f"{bucket}/{key}", owner=account, sse=sse, sse_key=used, around=known)
                for sse, used in forms
            )
            yield Ask(tuple(requests), "exporter", "source_bucket.Policy", below)


def _export_keys(scope: Scope) -> Iterator[Ask]:
    if not scope.resource("source_bucket"):
        return
    for key in source_keys(scope):
        role, known = role_arn(scope, "exporter"), around(scope, "source_bucket", "exporter")
        for action in ("kms:GenerateDataKey", "kms:Decrypt"):
            objects = _encrypted(scope, key, "source_bucket")
            requests = (export_kms(role, action, key.arn, object_arn=one, around=known) for one in objects)
            yield Ask(tuple(requests), "exporter", key.guard, key.arn, key.used)


def _encrypted(scope: Scope, key: Key, bucket: str) -> tuple[str, ...]:
    """Return what the encryption context may say: an object's ARN, or the bucket's where it has a Bucket Key."""
    arn = text_at(scope, f"{bucket}.Arn")
    one = f"{arn}/{full_export_keys(export_prefix(scope))[0]}"
    if isinstance(key.bucket_key, Unread):
        return one, arn
    return (arn if key.bucket_key else one,)


def _replication_reads(scope: Scope) -> Iterator[Ask]:
    if not scope.resource("source_bucket"):
        return
    bucket, account = text_at(scope, "source_bucket.Arn"), text_at(scope, "source_bucket.Account")
    role, known = role_arn(scope, "replication_role"), around(scope, "source_bucket", "replication_role")

    def ask(action: str, resource: str, on: str, needed: Maybe = True, instead: str = "") -> Ask:
        made = [
            replication(role, one, resource, owner=account, around=known) for one in (action, *filter(None, [instead]))
        ]
        other = made[1] if instead else None
        return Ask((made[0],), "replication_role", "source_bucket.Policy", on, needed, other)

    for action in ("s3:GetReplicationConfiguration", "s3:ListBucket"):
        yield ask(action, bucket, bucket)
    keys = full_export_keys(export_prefix(scope))
    encrypted = exports_encrypted(scope)
    # S3 accepts the older action for all objects but those encrypted with KMS keys.
    older = "" if encrypted is True else "s3:GetObjectVersion"
    locked = same(scope.find("source_bucket.ObjectLock.ObjectLockEnabled").value, "Enabled")
    for key in (keys[0], keys[2]):
        one = f"{bucket}/{key}"
        yield ask("s3:GetObjectVersionForReplication", one, f"{bucket}/*", instead=older)
        if isinstance(encrypted, Unread):
            yield ask("s3:GetObjectVersionForReplication", one, f"{bucket}/*", encrypted)
        yield ask("s3:GetObjectVersionAcl", one, f"{bucket}/*")
        yield ask("s3:GetObjectVersionTagging", one, f"{bucket}/*")
        if locked is not False:
            for action in ("s3:GetObjectRetention", "s3:GetObjectLegalHold"):
                yield ask(action, one, f"{bucket}/*", locked)


def drawn(scope: Scope) -> Contest | Unread:
    """Return the replication rules that win the exports on their way to the pipeline's destination."""
    if not scope.resource("source_bucket") or not scope.resource("destination_bucket"):
        return Contest((), ())
    found = scope.find("source_bucket.Replication")
    if found.unread is not None:
        return found.unread
    return winners(found, text_at(scope, "destination_bucket.Arn"), export_prefix(scope), scope)


def has(contest: Contest | Unread, route: str, wanted: Json) -> Maybe:
    """Tell whether a rule that wins (or may win) the exports has a value."""
    if isinstance(contest, Unread):
        return contest
    sure = any_of(same(one.at(route).value, wanted) for one in contest.winners)
    perhaps = any_of(same(one.at(route).value, wanted) for one in contest.doubts)
    if sure is True or perhaps is False:
        return sure
    return contest.doubts[0].gap[1]


def _replication_writes(scope: Scope, *, as_caller: bool = True) -> Iterator[Ask]:
    if not (scope.resource("source_bucket") and scope.resource("destination_bucket")):
        return
    bucket, account = text_at(scope, "destination_bucket.Arn"), text_at(scope, "destination_bucket.Account")
    role, known = role_arn(scope, "replication_role"), around(scope, "destination_bucket", "replication_role")
    rules = drawn(scope)
    wanted: list[tuple[str, Maybe]] = [("s3:ReplicateObject", True), ("s3:ReplicateDelete", _markers(scope, rules))]
    if as_caller:
        # AWS's own sample of a destination policy has no ReplicateTags, and exports have no tags to lose.
        wanted.append(("s3:ReplicateTags", True))
    wanted.append(("s3:ObjectOwnerOverrideToBucketOwner", _overrides(scope, rules)))
    keys = full_export_keys(export_prefix(scope))
    for action, needed in wanted:
        for key in (keys[0], keys[2]) if needed is not False else ():
            request = replication(role, action, f"{bucket}/{key}", owner=account, around=known)
            yield Ask((request,), "replication_role", "destination_bucket.Policy", f"{bucket}/*", needed)


def _destination_writes(scope: Scope) -> Iterator[Ask]:
    return _replication_writes(scope, as_caller=False)


def _markers(scope: Scope, rules: Contest | Unread) -> Maybe:
    """Tell whether delete markers are replicated: the owner wants it, the rule says so, or it is of the first schema."""
    if scope.find("intent.delete_markers").value == "replicate":
        return True
    if isinstance(rules, Unread):
        return rules
    first = [one.at("Filter").value is None for one in rules.winners]
    return True if True in first else has(rules, "DeleteMarkerReplication.Status", "Enabled")


def _overrides(scope: Scope, rules: Contest | Unread) -> Maybe:
    """Tell whether replicas change hands: asked for by the rule, and not done anyway by the destination's settings."""
    asked = has(rules, "Destination.AccessControlTranslation.Owner", "Destination")
    if asked is False:
        return False
    enforced = same(
        scope.find("destination_bucket.OwnershipControls.Rules[0].ObjectOwnership").value, "BucketOwnerEnforced"
    )
    if enforced is True:
        return False
    return enforced if isinstance(enforced, Unread) else asked


def _replication_keys(scope: Scope) -> Iterator[Ask]:
    if not scope.resource("source_bucket") or not scope.resource("replication_role"):
        return
    rules = drawn(scope)
    selected = has(rules, "SourceSelectionCriteria.SseKmsEncryptedObjects.Status", "Enabled")
    needed = all_of((selected, exports_encrypted(scope)))
    if needed is False:
        return
    for key in source_keys(scope):
        yield from _key_asks(scope, key, "source_bucket", "kms:Decrypt", needed)
    if not scope.resource("destination_bucket"):
        return
    if isinstance(rules, Unread):
        # Which key the rule names is not known: one that may be any.
        request = replication_kms(role_arn(scope, "replication_role"), "kms:Encrypt", "*", object_arn="*")
        yield Ask((request,), "replication_role", "", "*", rules)
        return
    target = replica_key(scope, [one.at(_REPLICA_KEY) for one in rules.winners])
    if target is not None and not _elsewhere(scope, target):
        yield from _key_asks(scope, target, "destination_bucket", "kms:Encrypt", needed)


def _elsewhere(scope: Scope, key: Key) -> bool:
    """Tell whether the replica's key is surely another than it should be, which is a mistake of the rule and of no policy."""
    region, declared = (scope.find(f"destination_{one}").value for one in ("bucket.Region", "key.Description.Arn"))
    return (isinstance(region, str) and key.arn.split(":")[3] not in {region, "*"}) or (
        isinstance(declared, str) and "*" not in key.arn and key.arn != declared
    )


_REPLICA_KEY = "Destination.EncryptionConfiguration.ReplicaKmsKeyID"


def _key_asks(scope: Scope, key: Key, bucket: str, action: str, needed: Maybe) -> Iterator[Ask]:
    role, known = role_arn(scope, "replication_role"), around(scope, bucket, "replication_role")
    objects = _encrypted(scope, key, bucket)
    requests = (replication_kms(role, action, key.arn, object_arn=one, around=known) for one in objects)
    used = needed if isinstance(needed, Unread) else key.used
    yield Ask(tuple(requests), "replication_role", key.guard, key.arn, used)


def _notification(scope: Scope) -> Iterator[Ask]:
    known = scope.resource("consumer")
    if known is not None and known.node.kind == "events.rule":
        yield from _rule_deliveries(scope)
        return
    if known is None or known.node.kind not in DELIVERY or not scope.resource("source_bucket"):
        return
    target = text_at(scope, "consumer.Arn")
    needed = delivered(scope, target)
    if needed is not False:
        request = notification(
            target,
            DELIVERY[known.node.kind],
            bucket=text_at(scope, "source_bucket.Arn"),
            bucket_account=text_at(scope, "source_bucket.Account"),
            around=around(scope, "consumer"),
        )
        yield Ask((request,), "", "consumer.Policy", target, needed)


def _rule_deliveries(scope: Scope) -> Iterator[Ask]:
    listed = scope.take("consumer.TargetPolicies.Targets")
    for index, _ in enumerate(listed if isinstance(listed, list) else []):
        arn = text_at(scope, f"consumer.TargetPolicies.Targets[{index}].Arn")
        action = DELIVERY[_RECEIVER[arn.split(":")[2]]]
        request = event_delivery(arn, action, rule=text_at(scope, "consumer.Arn"), around=around(scope, "consumer"))
        yield Ask((request,), "", f"consumer.TargetPolicies.Targets[{index}].Policy", arn)


def delivered(scope: Scope, target: str) -> Maybe:
    """Tell whether S3 itself delivers: not where the bucket sends to EventBridge only, and not under another alias."""
    found = scope.find("source_bucket.Notification")
    if found.unread is not None:
        return found.unread
    told = [entry for entry in entries(found) if entry.tells(target) is True]
    if any(entry.arn == target for entry in told):
        return True
    if told:
        return Unread("NotDeclared", detail=_ALIAS.fill(told[0].arn))
    bus = scope.find("source_bucket.Notification.EventBridgeConfiguration").value
    return bus if isinstance(bus, Unread) else bus is None


def _assume_role(scope: Scope) -> Iterator[Ask]:
    role = role_arn(scope, "replication_role")
    told: dict[str, Json] = {}
    bucket = account = ""
    if scope.resource("source_bucket"):
        bucket, account = text_at(scope, "source_bucket.Arn"), text_at(scope, "source_bucket.Account")
        # Whether S3 tells them is documented nowhere; a condition that names the right bucket is right all the same.
        told = {"aws:SourceArn": bucket, "aws:SourceAccount": account}
    known = Circumstances(context=told)
    yield Ask(
        (assume_replication_role(role, bucket=bucket, bucket_account=account, around=known),),
        "",
        "replication_role.Trust",
        role,
    )


_ROLE = ("Role", "InlinePolicies", "AttachedPolicies", "Boundary", SCP)
_EXPORTER = tuple(f"exporter.{facet}" for facet in _ROLE)
_REPLICATOR = tuple(f"replication_role.{facet}" for facet in _ROLE)
_KEY = (
    "?source_key.Description",
    "?source_key.Policy",
    "?source_key.Grants",
    f"?source_key.{RCP}",
    "?source_bucket.Encryption",
    "?source_bucket.Region",
    "?table.Exports",
)
_RULES = ("?source_bucket.Replication", "?destination_bucket.Region")
_REPLICA = (
    "?destination_key.Description",
    "?destination_key.Policy",
    "?destination_key.Grants",
    f"?destination_key.{RCP}",
    "?destination_bucket.Encryption",
)


@dataclass(frozen=True, slots=True)
class Calls:
    """Requests that belong together, and the routes that are read to make and to judge them; `?` marks optional nodes."""

    asks: Callable[[Scope], Iterator[Ask]]
    caller: tuple[str, ...]
    guard: tuple[str, ...]
    more: tuple[str, ...] = ()

    def needs(self, side: str) -> tuple[str, ...]:
        """Return the routes: of the caller's own policies too, unless only the resource's side is judged."""
        own = self.caller if side != "resource" else tuple(one for one in self.caller if one.endswith((".Role", SCP)))
        return (
            *own,
            *self.guard,
            *(f"?{one.removeprefix('?').partition('.')[0]}.{RCP}" for one in self.guard),
            *self.more,
        )


CALLS: Mapping[str, Calls] = MappingProxyType(
    {
        "export_start": Calls(_export_start, _EXPORTER, ("?table.Policy",)),
        "export_writes": Calls(
            _export_writes, _EXPORTER, ("?source_bucket.Policy",), ("?table.Exports", "?source_bucket.Region")
        ),
        "export_keys": Calls(_export_keys, _EXPORTER, (), _KEY),
        "replication_reads": Calls(
            _replication_reads,
            _REPLICATOR,
            ("?source_bucket.Policy",),
            ("?source_bucket.ObjectLock", "?exporter.Role", *_KEY),
        ),
        "replication_writes": Calls(
            _replication_writes,
            _REPLICATOR,
            ("?destination_bucket.Policy",),
            (*_RULES, "?destination_bucket.OwnershipControls"),
        ),
        "destination_writes": Calls(
            _destination_writes,
            _REPLICATOR,
            ("destination_bucket.Policy",),
            (*_RULES, "?destination_bucket.OwnershipControls"),
        ),
        "replication_keys": Calls(
            _replication_keys,
            tuple(f"?{route}" for route in _REPLICATOR),
            (),
            (*_RULES, *_KEY, *_REPLICA, "?exporter.Role"),
        ),
        "notification": Calls(
            _notification,
            (),
            ("consumer.Policy",),
            ("source_bucket.Notification", "consumer.TargetPolicies", f"?source_bucket.{RCP}"),
        ),
        "assume_role": Calls(
            _assume_role, (), ("replication_role.Trust",), ("replication_role.Role", "?source_bucket")
        ),
    }
)
"""The calls that a rule may ask about."""
