"""s3.bucket in Terraform: aws_s3_bucket_lifecycle_configuration, and the older lifecycle_rule of aws_s3_bucket."""

from __future__ import annotations

from auditor.kinds.parts import Part, each, flag, lifted, malformed, text, whole
from auditor.kinds.planned import empty, fields, one, positive, when_true
from auditor.kinds.s3_replication_terraform import tags

_TAG = fields({"key": ("Key", text), "value": ("Value", text)})
_EXPIRATION = fields(
    {
        "date": ("Date", text),
        "days": ("Days", positive),
        "expired_object_delete_marker": ("ExpiredObjectDeleteMarker", when_true),
    }
)
_TRANSITION = fields({"date": ("Date", text), "days": ("Days", whole), "storage_class": ("StorageClass", text)})
_KEPT = {
    "noncurrent_days": ("NoncurrentDays", positive),
    "days": ("NoncurrentDays", positive),
    "newer_noncurrent_versions": ("NewerNoncurrentVersions", positive),
}
_NONCURRENT = fields(_KEPT)
_NONCURRENT_TRANSITION = fields(
    {
        **_KEPT,
        "noncurrent_days": ("NoncurrentDays", whole),
        "days": ("NoncurrentDays", whole),
        "storage_class": ("StorageClass", text),
    }
)


def _status(part: Part) -> Part:
    on = flag(part)
    return Part(on.unread or ("Enabled" if on.value else "Disabled"), on.place)


def _aborting(part: Part) -> Part:
    days = positive(part)
    return Part({"DaysAfterInitiation": days}, part.place) if days.value is not None else days


def _transition(part: Part) -> Part:
    made = _TRANSITION(part)
    if isinstance(made.value, dict) and "Date" in made.value:
        return Part({name: one for name, one in made.value.items() if name != "Days"}, made.place)
    return made


_RULE = {
    "id": ("ID", text),
    "status": ("Status", text),
    "enabled": ("Status", _status),
    "abort_incomplete_multipart_upload": (
        "AbortIncompleteMultipartUpload",
        fields({"days_after_initiation": ("DaysAfterInitiation", positive)}),
    ),
    "abort_incomplete_multipart_upload_days": (
        "AbortIncompleteMultipartUpload",
        _aborting,
    ),
    "expiration": ("Expiration", _EXPIRATION),
    "noncurrent_version_expiration": ("NoncurrentVersionExpiration", _NONCURRENT),
    "noncurrent_version_transition": ("NoncurrentVersionTransitions", each(_NONCURRENT_TRANSITION)),
    "transition": ("Transitions", each(_transition)),
}
_SIZES = {
    "object_size_greater_than": ("ObjectSizeGreaterThan", positive),
    "object_size_less_than": ("ObjectSizeLessThan", positive),
}
_AND = fields({"prefix": ("Prefix", text), "tags": ("Tags", tags), **_SIZES})


def lifecycle(rules: Part | None, size: Part | None, place: Part, *, old: bool = False) -> Part | None:
    """Return the lifecycle rules in the API's shape, `None` when there is none; `old`: as aws_s3_bucket spells them."""
    if rules is None or (isinstance(rules.value, list) and not rules.value):
        return None
    said = size if size is not None and not empty(size) else Part("all_storage_classes_128K", place.place)
    made = {
        "Rules": each(lambda part: _rule(part, old=old))(rules),
        "TransitionDefaultMinimumObjectSize": said if said.unread else text(said),
    }
    return Part(made, place.place)


def _rule(part: Part, *, old: bool) -> Part:
    if not isinstance(part.value, dict):
        return part if part.unread else malformed(part, "a rule")
    rest = {name: member for name, member in part.value.items() if name not in {"filter", "prefix", "tags"}}
    made = fields(_RULE, own=("id",))(Part(rest, part.place))
    if not isinstance(made.value, dict):
        return made
    known = {name: member for name, member in made.value.items() if not _hollow(member)}
    return Part({**known, **(_old_scope(part) if old else _scope(part))}, part.place)


def _hollow(part: Part) -> bool:
    """Tell whether a block has nothing set in it, so that it says nothing."""
    return isinstance(part.value, dict) and not part.value


def _old_scope(part: Part) -> dict[str, Part]:
    prefix, tagged = part.value.get("prefix"), part.value.get("tags")
    if tagged is None or empty(tagged):
        return {"Filter": Part({"Prefix": text(prefix) if prefix is not None else Part("", part.place)}, part.place)}
    made = {"Prefix": text(prefix) if prefix is not None else Part("", part.place), "Tags": tags(tagged)}
    return {"Filter": Part({"And": Part(made, part.place)}, part.place)}


def _scope(part: Part) -> dict[str, Part]:
    """Return a rule's Filter, or the Prefix of the older schema; a rule with neither applies to all objects."""
    said, prefix = part.value.get("filter"), part.value.get("prefix")
    if said is None or (isinstance(said.value, list) and not said.value):
        if prefix is None or empty(prefix) or prefix.unread:
            # The provider fills the deprecated prefix in by itself.
            return {"Filter": lifted({"Prefix": ""}, part.place)}
        return {"Prefix": text(prefix)}
    return {"Filter": _filter(said)}


def _filter(part: Part) -> Part:
    block = one(part)
    if block is None or block.unread or not isinstance(block.value, dict):
        return lifted({"Prefix": ""}, part.place) if block is None else block
    both, tag, prefix = (block.get(name) for name in ("and", "tag", "prefix"))
    if both is not None and not empty(both):
        return Part({"And": _AND(both)}, both.place)
    if tag is not None and not empty(tag):
        return Part({"Tag": _TAG(tag)}, tag.place)
    # A filter has one condition, so a known one leaves none to the others.
    found = {"Prefix": prefix} if prefix is not None and not empty(prefix) else {}
    for name, (api, spell) in _SIZES.items():
        size = block.get(name)
        if size is not None and not empty(size) and (size.unread or spell(size).value is not None):
            found[api] = size if size.unread else spell(size)
    known = {api: member for api, member in found.items() if not member.unread} or found
    name, member = next(iter(known.items()), ("Prefix", Part("", block.place)))
    return Part({name: member}, member.place)
