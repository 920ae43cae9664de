"""s3.bucket in Terraform: aws_s3_bucket_replication_configuration, and the older block of aws_s3_bucket."""

from __future__ import annotations

from auditor.kinds.parts import Part, Spell, each, flag, lifted, malformed, text, whole
from auditor.kinds.planned import empty, fields, one, within

_STATUS = fields({"status": ("Status", text)})
_TAG = fields({"key": ("Key", text), "value": ("Value", text)})
_MINUTES = fields({"minutes": ("Minutes", whole)})
_OWNER = fields({"owner": ("Owner", text)})


def tags(part: Part) -> Part:
    """Return a map of tags as the API's list."""
    if part.unread or not isinstance(part.value, dict):
        return part if part.unread else malformed(part, "tags")
    return Part([_tag(name, value) for name, value in sorted(part.value.items())], part.place)


def _tag(name: str, value: Part) -> Part:
    return Part({"Key": Part(name, value.place), "Value": value if value.unread else text(value)}, value.place)


_DESTINATION = fields(
    {
        "account": ("Account", text),
        "bucket": ("Bucket", text),
        "storage_class": ("StorageClass", text),
        "access_control_translation": ("AccessControlTranslation", _OWNER),
        "encryption_configuration": (
            "EncryptionConfiguration",
            fields({"replica_kms_key_id": ("ReplicaKmsKeyID", text)}),
        ),
        "replication_time": ("ReplicationTime", fields({"status": ("Status", text), "time": ("Time", _MINUTES)})),
        "metrics": ("Metrics", fields({"status": ("Status", text), "event_threshold": ("EventThreshold", _MINUTES)})),
    }
)
_RULE = fields(
    {
        "id": ("ID", text),
        "status": ("Status", text),
        "delete_marker_replication": ("DeleteMarkerReplication", _STATUS),
        "existing_object_replication": ("ExistingObjectReplication", _STATUS),
        "source_selection_criteria": (
            "SourceSelectionCriteria",
            fields(
                {
                    "replica_modifications": ("ReplicaModifications", _STATUS),
                    "sse_kms_encrypted_objects": ("SseKmsEncryptedObjects", _STATUS),
                }
            ),
        ),
        "destination": ("Destination", _DESTINATION),
    },
    own=("id",),
)


def _switch(part: Part) -> Part:
    """Return `enabled` of the older blocks as a status."""
    block = one(part)
    said = block.get("enabled") if block is not None else None
    if block is None or said is None:
        return Part({}, part.place)
    on = said if said.unread else flag(said)
    return Part({"Status": Part(on.unread or ("Enabled" if on.value else "Disabled"), on.place)}, block.place)


def _timed(member: str) -> Spell:
    def spelled(part: Part) -> Part:
        block = one(part)
        if block is None or block.unread:
            return Part({}, part.place) if block is None else block
        status, minutes = block.get("status"), block.get("minutes")
        made = {"Status": status if status is not None else Part("Enabled", block.place)}
        made[member] = Part({"Minutes": minutes if minutes is not None else Part(15, block.place)}, block.place)
        return Part(made, block.place)

    return spelled


_OLD_DESTINATION = fields(
    {
        "account_id": ("Account", text),
        "bucket": ("Bucket", text),
        "storage_class": ("StorageClass", text),
        "access_control_translation": ("AccessControlTranslation", _OWNER),
        "replica_kms_key_id": (
            "EncryptionConfiguration",
            lambda part: Part({"ReplicaKmsKeyID": text(part)}, part.place),
        ),
        "replication_time": ("ReplicationTime", _timed("Time")),
        "metrics": ("Metrics", _timed("EventThreshold")),
    }
)
_OLD_RULE = fields(
    {
        "id": ("ID", text),
        "status": ("Status", text),
        "destination": ("Destination", _OLD_DESTINATION),
        "source_selection_criteria": (
            "SourceSelectionCriteria",
            fields({"sse_kms_encrypted_objects": ("SseKmsEncryptedObjects", _switch)}),
        ),
        "delete_marker_replication_status": (
            "DeleteMarkerReplication",
            lambda part: Part({"Status": text(part)}, part.place),
        ),
    },
    own=("id",),
)
_SCOPED = ("filter", "prefix", "priority")


def replication(role: Part | None, rules: Part | None, place: Part, *, old: bool = False) -> Part:
    """Return the replication configuration of a role and its rules; `old`: as aws_s3_bucket itself spells them."""
    made = {"Role": text(role)} if role is not None else {}
    listed = rules if rules is not None else Part([], place.place)
    return Part({**made, "Rules": each(lambda part: _rule(part, old=old))(listed)}, place.place)


def _rule(part: Part, *, old: bool) -> Part:
    if not isinstance(part.value, dict):
        return part if part.unread else malformed(part, "a rule")
    inner = Part({name: member for name, member in part.value.items() if name not in _SCOPED}, part.place)
    made = (_OLD_RULE if old else _RULE)(inner)
    if not isinstance(made.value, dict):
        return made
    key = part.value.get("destination")
    if old and (replica := within(key, "replica_kms_key_id")) is not None and replica.unread:
        made = _with_unknown_key(made, replica)
    return Part({**made.value, **_scope(part, old=old)}, part.place)


def _with_unknown_key(made: Part, replica: Part) -> Part:
    destination = made.value["Destination"]
    encrypted = Part({"ReplicaKmsKeyID": replica}, replica.place)
    known = {**destination.value, "EncryptionConfiguration": encrypted}
    return Part({**made.value, "Destination": Part(known, destination.place)}, made.place)


def _scope(part: Part, *, old: bool) -> dict[str, Part]:
    """Return a rule's Filter and Priority, or its Prefix alone: a rule without a filter block is of the older schema.

    That is how the provider sends it; `filter {}` is a filter that lets everything through.
    """
    said, prefix, priority = (part.value.get(name) for name in ("filter", "prefix", "priority"))
    if said is None or (isinstance(said.value, list) and not said.value):
        return {"Prefix": text(prefix) if prefix is not None else Part("", part.place)}
    number = priority if priority is not None and priority.value is not None else Part(0, part.place)
    return {"Filter": _filter(said, old=old), "Priority": number if number.unread else whole(number)}


def _filter(part: Part, *, old: bool) -> Part:
    block = one(part)
    if block is None or block.unread:
        return lifted({"Prefix": ""}, part.place) if block is None else block
    prefix = block.get("prefix")
    if old:
        return _of_tags(block, prefix, block.get("tags"))
    both, tag = block.get("and"), block.get("tag")
    if tag is not None and not empty(tag):
        return Part({"Tag": _TAG(tag)}, tag.place)
    if both is not None and not empty(both):
        inner = one(both)
        if inner is None or inner.unread:
            return Part({"And": inner or both}, both.place)
        return _of_tags(inner, inner.get("prefix"), inner.get("tags"), always=True)
    return Part({"Prefix": text(prefix) if prefix is not None else Part("", block.place)}, block.place)


def _of_tags(block: Part, prefix: Part | None, tagged: Part | None, *, always: bool = False) -> Part:
    """Return a prefix alone, or with its tags under And."""
    if not always and (tagged is None or empty(tagged)):
        return Part({"Prefix": text(prefix) if prefix is not None else Part("", block.place)}, block.place)
    made = {"Prefix": text(prefix)} if prefix is not None and not empty(prefix) else {}
    if tagged is not None and not empty(tagged):
        made["Tags"] = tags(tagged)
    return Part({"And": Part(made, block.place)}, block.place)
