"""s3.bucket in CloudFormation: lifecycle rules, whose flat fields are the API's nested ones."""

from __future__ import annotations

from auditor.kinds.declared import Declared
from auditor.kinds.parts import Part, Spell, each, flag, malformed, members, same, text, unmapped, whole

_DAYS: dict[str, tuple[str, str, Spell]] = {
    "ExpirationInDays": ("Expiration", "Days", whole),
    "ExpirationDate": ("Expiration", "Date", text),
    "ExpiredObjectDeleteMarker": ("Expiration", "ExpiredObjectDeleteMarker", flag),
    # The older spelling of a mapping with one member.
    "NoncurrentVersionExpirationInDays": ("NoncurrentVersionExpiration", "NoncurrentDays", whole),
}
_TRANSITION = members({**same("StorageClass"), "TransitionInDays": ("Days", whole), "TransitionDate": ("Date", text)})
_NONCURRENT = members(
    {
        **same("StorageClass"),
        "TransitionInDays": ("NoncurrentDays", whole),
        **same("NewerNoncurrentVersions", spell=whole),
    }
)
_WHOLE: dict[str, tuple[str, Spell]] = {
    "Id": ("ID", text),
    **same("Status"),
    "NoncurrentVersionExpiration": (
        "NoncurrentVersionExpiration",
        members(same("NoncurrentDays", "NewerNoncurrentVersions", spell=whole)),
    ),
    "AbortIncompleteMultipartUpload": (
        "AbortIncompleteMultipartUpload",
        members(same("DaysAfterInitiation", spell=whole)),
    ),
    "Transitions": ("Transitions", each(_TRANSITION)),
    "NoncurrentVersionTransitions": ("NoncurrentVersionTransitions", each(_NONCURRENT)),
}
_ONE_OF_A_LIST: dict[str, tuple[str, Spell]] = {
    "Transition": ("Transitions", _TRANSITION),
    "NoncurrentVersionTransition": ("NoncurrentVersionTransitions", _NONCURRENT),
}
_FILTER: dict[str, tuple[str, Spell]] = {
    "Prefix": ("Prefix", text),
    "TagFilters": ("Tags", each(members(same("Key", "Value")))),
    "ObjectSizeGreaterThan": ("ObjectSizeGreaterThan", whole),
    "ObjectSizeLessThan": ("ObjectSizeLessThan", whole),
}


def lifecycle(declared: Declared) -> Part | None:
    """Return the lifecycle rules in the API's shape, `None` when the bucket has none."""
    said = declared.read("LifecycleConfiguration")
    if said is None or said.unread:
        return said
    rules, size = said.get("Rules"), said.get("TransitionDefaultMinimumObjectSize")
    if rules is None:
        return malformed(said, "a list of rules")
    made = {
        "Rules": each(_rule)(rules),
        "TransitionDefaultMinimumObjectSize": Part("all_storage_classes_128K", said.place)
        if size is None
        else text(size),
    }
    return Part(made, said.place)


def _rule(part: Part) -> Part:
    if part.unread or not isinstance(part.value, dict):
        return part if part.unread else malformed(part, "a rule")
    made: dict[str, Part] = {}
    for name, one in part.value.items():
        if name in _DAYS:
            group, member, spell = _DAYS[name]
            inner = made.setdefault(group, Part({}, one.place))
            made[group] = Part({**inner.value, member: spell(one)}, inner.place)
        elif name in _ONE_OF_A_LIST:
            group, spell = _ONE_OF_A_LIST[name]
            made[group] = Part([*_items(made.get(group)), spell(one)], one.place)
        elif name in _WHOLE:
            api, spell = _WHOLE[name]
            made[api] = spell(one)
        elif name not in _FILTER:
            made[name] = unmapped(one)
    return Part({**made, "Filter": _filter(part)}, part.place)


def _items(part: Part | None) -> list[Part]:
    return part.items() if part is not None else []


def _filter(part: Part) -> Part:
    """Return the filter: one condition stands alone, several stand under And, none is an empty prefix."""
    found = {api: spell(part.value[name]) for name, (api, spell) in _FILTER.items() if name in part.value}
    tags = found.get("Tags")
    place = next((one.place for one in found.values()), part.place)
    if not found:
        return Part({"Prefix": Part("", place)}, place)
    if len(found) == 1 and tags is None:
        return Part(found, place)
    if tags is not None and len(found) == 1 and isinstance(tags.value, list) and len(tags.value) == 1:
        return Part({"Tag": tags.value[0]}, place)
    return Part({"And": Part(found, place)}, place)
