"""Replication that happens: objects travel, with the role's permissions, as their rule says.

moto keeps a replication configuration and never follows it.
"""

from __future__ import annotations

import threading
from typing import Any

from auditor.standin.access import Need, judge, service_trusted
from auditor.standin.callers import PARTITION, Caller, find_role
from auditor.standin.keys import find_key
from auditor.standin.patch import memory, wrap
from auditor.standin.s3.documents import find_bucket
from auditor.standin.s3.events import announce

_FAILED = "s3:Replication:OperationFailedReplication"
_CREATED = "s3:ObjectCreated:"
_MARKED = "s3:ObjectRemoved:DeleteMarkerCreated"
_STATUS = "replication-status"
_NOW = threading.local()


def install() -> None:
    """Follow the replication rules of a bucket after each of its object events."""
    from moto.s3 import notifications
    from moto.s3.responses import S3Response

    wrap(notifications, "send_event", _sent)
    wrap(S3Response, "_key_response", _after)


def status(key: Any) -> str | None:
    """Return an object's replication status: COMPLETED, FAILED, REPLICA, or None where no rule concerned it."""
    return memory(key).get(_STATUS)


def _sent(original: Any) -> Any:
    def send(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        name = str(getattr(event_name, "value", event_name))
        original(account_id, event_name, bucket, key)
        if name == _MARKED:
            _replicate_marker(bucket, key)
        elif name.startswith(_CREATED) and status(key) is None:
            waiting = getattr(_NOW, "waiting", None)
            if waiting is None:
                _replicate(bucket, key)
            else:
                waiting.append((bucket, key))

    return send


def _after(original: Any) -> Any:
    """Replicate at the end of a request: moto announces an object before it has its tags and metadata."""

    def respond(self: Any, request: Any, full_url: str) -> Any:
        _NOW.waiting = []
        try:
            return original(self, request, full_url)
        finally:
            waiting, _NOW.waiting = _NOW.waiting, None
            for bucket, key in waiting:
                # moto announces an object that came in parts more than once.
                if status(key) is None:
                    _replicate(bucket, key)

    return respond


def _replicate(bucket: Any, key: Any) -> None:
    """Copy a new object into each destination; the status is FAILED when one of them refuses."""
    outcomes = [_copy(bucket, key, rule, role) for rule, role in _winners(bucket, key) if not _skips(rule, key)]
    if not outcomes:
        return
    memory(key)[_STATUS] = "COMPLETED" if all(outcomes) else "FAILED"
    if not all(outcomes):
        announce(bucket, _FAILED, key)


def _winners(bucket: Any, key: Any) -> list[tuple[dict[str, Any], str]]:
    """Return the enabled rules for an object, that of the highest priority for each destination, and their role."""
    configuration = memory(bucket).get("replication", ({}, {}))[0]
    best: dict[str, dict[str, Any]] = {}
    for rule in sorted(configuration.get("Rules", []), key=lambda rule: rule.get("Priority", 0)):
        if rule["Status"] == "Enabled" and _concerns(rule, key, _tags(bucket, key)):
            best[rule["Destination"]["Bucket"]] = rule
    return [(rule, configuration["Role"]) for rule in best.values()]


def _concerns(rule: dict[str, Any], key: Any, held: dict[str, str]) -> bool:
    scope = rule.get("Filter") or {"Prefix": rule.get("Prefix", "")}
    scope = scope.get("And") or scope
    tags = scope.get("Tags") or ([scope["Tag"]] if "Tag" in scope else [])
    in_prefix = str(key.name).startswith(scope.get("Prefix", ""))
    return in_prefix and all(held.get(tag["Key"]) == tag["Value"] for tag in tags)


def _skips(rule: dict[str, Any], key: Any) -> bool:
    """Return whether S3 passes over an object in silence: SSE-KMS without the rule's selection of such objects."""
    selected = (rule.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
    return _by_key(key) and selected.get("Status") != "Enabled"


def _by_key(key: Any) -> bool:
    return str(key.encryption or "").startswith("aws:kms")


def _copy(bucket: Any, key: Any, rule: dict[str, Any], role: str) -> bool:
    destination = _destination(rule)
    if destination is None:
        return False
    replica_key = (rule["Destination"].get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID", "")
    needed = [*_reading(bucket, key), *_writing(destination, key, rule)]
    if _by_key(key):
        if find_key(replica_key) is None:
            return False
        needed += _decrypting(bucket, key) + _encrypting(replica_key)
    if not _permitted(role, needed):
        return False
    backend = _backend(destination)
    sse = {"encryption": key.encryption, "kms_key_id": replica_key} if _by_key(key) else {"encryption": "AES256"}
    replica = backend.put_object(
        destination.name,
        key.name,
        key.value,
        storage=key.storage_class,
        disable_notification=True,
        etag=key.etag,
        **sse,
    )
    # Replicas keep version, age and metadata of their source; lifecycle on the destination counts from that age.
    replica._version_id, replica.last_modified = key.version_id, key.last_modified  # noqa: SLF001
    replica.set_metadata(dict(key.metadata))
    memory(replica)[_STATUS] = "REPLICA"
    tagged = Need("s3:ReplicateTags", f"{destination.arn}/{key.name}", destination.account_id, destination.policy)
    if (tags := _tags(bucket, key)) and _permitted(role, [tagged]):
        tagger = backend.tagger
        tagger.tag_resource(replica.arn, tagger.convert_dict_to_tags_input(tags))
    announce(destination, "s3:ObjectCreated:Put", replica)
    return True


def _replicate_marker(bucket: Any, key: Any) -> None:
    """Write a delete marker where the rule wants it: always in the first schema, in the second when it says so."""
    from moto.s3.models import FakeDeleteMarker

    for rule, role in _winners(bucket, key):
        wanted = "Filter" not in rule or rule["DeleteMarkerReplication"]["Status"] == "Enabled"
        destination = _destination(rule) if wanted else None
        held = destination.keys.getlist(key.name, []) if destination is not None else []
        if destination is None or not held:
            continue
        needed = Need("s3:ReplicateDelete", f"{destination.arn}/{key.name}", destination.account_id, destination.policy)
        if _permitted(role, [needed]):
            destination.keys.setlist(key.name, [*held, FakeDeleteMarker(key=held[-1])])


def _destination(rule: dict[str, Any]) -> Any | None:
    """Return the bucket that receives, None when it is missing or its versioning is not on."""
    bucket = find_bucket(rule["Destination"]["Bucket"].split(":::")[1])
    return bucket if bucket is not None and bucket.versioning_status == "Enabled" else None


def _reading(bucket: Any, key: Any) -> list[Need]:
    objects = ("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl")
    asked = [("s3:GetReplicationConfiguration", bucket.arn), ("s3:ListBucket", bucket.arn)]
    asked += [(action, f"{bucket.arn}/{key.name}") for action in objects]
    return [Need(action, resource, bucket.account_id, bucket.policy) for action, resource in asked]


def _writing(destination: Any, key: Any, rule: dict[str, Any]) -> list[Need]:
    actions = ["s3:ReplicateObject"]
    if rule["Destination"].get("AccessControlTranslation"):
        actions.append("s3:ObjectOwnerOverrideToBucketOwner")
    resource = f"{destination.arn}/{key.name}"
    return [Need(action, resource, destination.account_id, destination.policy) for action in actions]


def _decrypting(bucket: Any, key: Any) -> list[Need]:
    # Without a key of its own the object is under aws/s3, which the account's principals may use through S3.
    found = find_key(key.kms_key_id or "", bucket.account_id, bucket.region_name)
    through = {"kms:ViaService": f"s3.{bucket.region_name}.amazonaws.com"}
    return [Need("kms:Decrypt", found.arn, found.account_id, found.policy, through)] if found else []


def _encrypting(key_arn: str) -> list[Need]:
    found: Any = find_key(key_arn)
    through = {"kms:ViaService": f"s3.{found.region}.amazonaws.com"}
    return [Need("kms:Encrypt", found.arn, found.account_id, found.policy, through)]


def _permitted(role_arn: str, needs: list[Need]) -> bool:
    """Return whether S3 can become the role and the role may do all of it."""
    account, name = role_arn.split(":")[4], role_arn.rpartition("/")[2]
    role = find_role(account, name)
    if role is None or role.arn != role_arn or not service_trusted("s3.amazonaws.com", role):
        return False
    session = f"arn:{PARTITION}:sts::{account}:assumed-role/{name}/s3-replication"
    caller = Caller(account, session, "role", name)
    return all(judge(caller, need).effect == "allowed" for need in needs)


def _tags(bucket: Any, key: Any) -> dict[str, str]:
    return dict(_backend(bucket).tagger.get_tag_dict_for_resource(key.arn))


def _backend(bucket: Any) -> Any:
    from moto.s3.models import s3_backends

    return s3_backends[bucket.account_id][bucket.partition]
