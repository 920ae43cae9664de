"""Edits of a bucket's notification document: hear more events, or more objects, without an overlap that S3 refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, unquote_plus

from auditor.edits.edit import Edit, known, listed, mapping
from auditor.errors import Refused
from auditor.model import Json, Text
from auditor.scope import Scope

_LISTS: Mapping[str, tuple[str, str]] = {
    "lambda": ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
    "sqs": ("QueueConfigurations", "QueueArn"),
    "sns": ("TopicConfigurations", "TopicArn"),
}
_EXPORT_NAMES = (
    "_started",
    "manifest-summary.json",
    "manifest-summary.checksum",
    "manifest-summary.md5",
    "manifest-files.json",
    "manifest-files.checksum",
    "manifest-files.md5",
    "data.json.gz",
    "data.ion.gz",
)
"""The endings of the objects that a DynamoDB export writes (S3DataExport.Output)."""


@dataclass(frozen=True, slots=True)
class Area:
    """The keys that an entry's filter lets through: those with this prefix and this suffix, as raw keys."""

    prefix: str = ""
    suffix: str = ""

    def covers(self, other: Area) -> bool:
        """Tell whether every key of the other area lies in this one."""
        return other.prefix.startswith(self.prefix) and other.suffix.endswith(self.suffix)

    def overlaps(self, other: Area) -> bool:
        """Tell whether S3 takes the two for overlapping: prefixes and suffixes of which one contains the other."""
        prefixes = self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix)
        suffixes = self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix)
        return prefixes and suffixes


@dataclass(frozen=True, slots=True)
class _Wish:
    """What a fix wants heard: which events, by which destination, in which area (any export object when `exports`)."""

    to: str
    events: tuple[str, ...]
    area: Area
    exports: bool

    def heard_in(self, area: Area) -> bool:
        if not self.exports:
            return area.covers(self.area)
        fits = any(name.endswith(area.suffix) for name in _EXPORT_NAMES)
        return self.area.prefix.startswith(area.prefix) and fits


def _add_events(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    result = mapping(document, "the notification")
    if param.get("eventbridge") or _service(param.get("to", "")) == "events":
        result.setdefault("EventBridgeConfiguration", {})
    if "to" not in param or _service(param["to"]) == "events":
        return result if result != document else document
    wish = _wish(param)
    entries = _entries_of(result, wish.to)
    heard = [index for index, entry in enumerate(entries) if wish.heard_in(area_of(entry))]
    lacking = [event for event in wish.events if not any(_hears(entries[index], event) for index in heard)]
    if not lacking:
        return result if result != document else document
    if heard:
        entry = entries[heard[0]]
        return _with_entry(result, wish.to, heard[0], {**entry, "Events": [*listed(entry.get("Events")), *lacking]})
    return _with_entry(result, wish.to, len(entries), _new_entry(wish))


def _widen_filter(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    wish = _wish(param)
    result = mapping(document, "the notification")
    entries = _entries_of(result, wish.to)
    if any(wish.heard_in(area_of(entry)) and _hears_all(entry, wish.events) for entry in entries):
        return document
    for index, entry in enumerate(entries):
        area = area_of(entry)
        if not _hears_all(entry, wish.events) or not area.overlaps(Area(wish.area.prefix)):
            continue
        prefix = wish.area.prefix if area.prefix.startswith(wish.area.prefix) else area.prefix
        if wish.heard_in(Area(prefix, area.suffix)):
            return _with_entry(result, wish.to, index, _refiltered(entry, Area(prefix, area.suffix)))
        if area.suffix.endswith(wish.area.suffix):
            return _with_entry(result, wish.to, index, _refiltered(entry, Area(prefix, wish.area.suffix)))
    return _with_entry(result, wish.to, len(entries), _new_entry(wish))


_FIFO = Text(
    "{} is FIFO, and S3 does not deliver to FIFO queues and topics.",
    "{} は FIFO です。S3 は FIFO のキューやトピックに通知できません。",
)
_NO_TARGET = Text(
    "{} is no function, queue or topic, so S3 cannot notify it.",
    "{} は関数・キュー・トピックのいずれでもないため、S3 から通知できません。",
)
_PREFIX, _WHOLE = Text("the prefix “{}”", "プレフィックス「{}」"), Text("the whole bucket", "バケット全体")
_STRANGE = Text(
    "the filter of the notification `{}` says more than a prefix and a suffix, which a new filter would lose.",
    "通知 `{}` のフィルターにはプレフィックスとサフィックス以外の指定があり、書き換えると失われます。",
)
_OVERLAP = Text(
    "another entry ({}, {}) already takes {}, and S3 refuses overlapping entries: fan out through SNS or EventBridge, or "
    "change that entry to add {}.",
    "別の設定（{}、{}）がすでに {} を受け取っており、重複する設定は S3 に拒否されます。SNS か EventBridge で分配するか、"
    "その設定を変更して {} を追加してください。",
)


def _wish(param: Mapping[str, Json]) -> _Wish:
    if param["to"].endswith(".fifo"):
        raise Refused("Manual", _FIFO.fill(param["to"]))
    area = Area(param.get("prefix", ""), param.get("suffix", ""))
    return _Wish(param["to"], tuple(listed(param.get("events"))), area, "suffix" not in param)


def _service(arn: str) -> str:
    return arn.split(":")[2] if arn.count(":") >= 5 else ""


def _place_of(to: str) -> tuple[str, str]:
    service = _service(to)
    if service not in _LISTS:
        raise Refused("CannotExpress", _NO_TARGET.fill(to))
    return _LISTS[service]


def _entries_of(document: Mapping[str, Json], to: str) -> list[Json]:
    """Return the entries of one destination, in order."""
    where, key = _place_of(to)
    return [entry for entry in listed(document.get(where)) if entry.get(key) == to]


def _with_entry(document: Mapping[str, Json], to: str, index: int, entry: Mapping[str, Json]) -> dict[str, Json]:
    """Return the document with the destination's index-th entry replaced, or added at the end of its list."""
    where, key = _place_of(to)
    entries = listed(document.get(where))
    own = [position for position, one in enumerate(entries) if one.get(key) == to]
    at = own[index] if index < len(own) else len(entries)
    _refuse_overlap(entry, to, [one for one in _all(document) if at == len(entries) or one is not entries[at]])
    return {**document, where: [*entries[:at], entry, *entries[at + 1 :]]}


def _refuse_overlap(entry: Mapping[str, Json], to: str, others: Iterable[Mapping[str, Json]]) -> None:
    """Raise `Refused` when S3 would find another entry that shares an event and an area with this one."""
    area = area_of(entry)
    for other in others:
        events = [
            event
            for event in listed(entry.get("Events"))
            if any(_meet(event, one) for one in listed(other.get("Events")))
        ]
        if events and area.overlaps(area_of(other)):
            where = _PREFIX.fill(area_of(other).prefix) if area_of(other).prefix else _WHOLE
            raise Refused("WouldOverlap", _OVERLAP.fill(_destination(other), where, events[0], to))


def _all(document: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [entry for where, _ in _LISTS.values() for entry in listed(document.get(where))]


def _destination(entry: Mapping[str, Json]) -> str:
    return str(next((entry[key] for _, key in _LISTS.values() if key in entry), entry.get("Id", "")))


def _meet(event: str, other: str) -> bool:
    """Tell whether two event names share an event: `s3:ObjectCreated:*` stands for all of its family."""
    return event == other or any(
        one.endswith(":*") and two.startswith(one[:-1]) for one, two in ((event, other), (other, event))
    )


def _hears(entry: Mapping[str, Json], event: str) -> bool:
    return any(
        one == event or (one.endswith(":*") and event.startswith(one[:-1])) for one in listed(entry.get("Events"))
    )


def _hears_all(entry: Mapping[str, Json], events: Iterable[str]) -> bool:
    return all(_hears(entry, event) for event in events)


def area_of(entry: Mapping[str, Json]) -> Area:
    """Return the area of an entry's filter; S3 spells the names in either case and wants values URL-encoded."""
    rules = listed(((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules"))
    found = {str(rule.get("Name", "")).lower(): unquote_plus(str(rule.get("Value", ""))) for rule in rules}
    return Area(found.get("prefix", ""), found.get("suffix", ""))


def _refiltered(entry: Mapping[str, Json], area: Area) -> dict[str, Json]:
    old = entry.get("Filter") or {}
    key = old.get("Key") or {}
    if {*old, *key} - {"Key", "FilterRules"} or any(
        rule.keys() - {"Name", "Value"} or str(rule.get("Name")).lower() not in {"prefix", "suffix"}
        for rule in listed(key.get("FilterRules"))
    ):
        raise Refused("CannotExpress", _STRANGE.fill(entry.get("Id")))
    rules = [
        {"Name": name, "Value": quote(value, safe="/!-_.*'()").replace("%20", "+")}
        for name, value in (("prefix", area.prefix), ("suffix", area.suffix))
        if value
    ]
    result = {key: value for key, value in entry.items() if key != "Filter"}
    return {**result, "Filter": {"Key": {"FilterRules": rules}}} if rules else result


def _new_entry(wish: _Wish) -> dict[str, Json]:
    _, key = _place_of(wish.to)
    digest = hashlib.sha256("\0".join([wish.to, wish.area.prefix, wish.area.suffix, *wish.events]).encode()).hexdigest()
    return _refiltered({"Id": f"auditor-{digest[:12]}", key: wish.to, "Events": list(wish.events)}, wish.area)


_EVENTS = {"type": "array", "items": {"type": "string", "pattern": "^s3:"}, "minItems": 1}
_COMMON = {"to": {"type": "string"}, "events": _EVENTS, "prefix": {"type": "string"}, "suffix": {"type": "string"}}

NOTIFICATIONS: tuple[Edit, ...] = (
    Edit(
        "add_events",
        _add_events,
        {
            "type": "object",
            "properties": {**_COMMON, "eventbridge": {"type": "boolean"}},
            "anyOf": [{"required": ["to", "events"]}, {"required": ["eventbridge"]}],
            "additionalProperties": False,
        },
        Text(
            "Lets a function, queue or topic hear these events: the entry that already covers the prefix hears more, "
            "else an "
            "entry is added. An EventBridge rule's ARN, or `eventbridge: true`, switches EventBridge on. Without "
            "`suffix`, an "
            "entry for some of an export's objects will do.",
            "Lambda 関数・キュー・トピックへ指定のイベントが届くようにします。"
            "プレフィックスを含む設定があればそのイベントを増やし、"
            "なければ設定を追加します。EventBridge ルールの ARN か `eventbridge: true` を指定すると EventBridge "
            "を有効にします。",
        ),
        '{facet: Notification, add_events: {to: "${consumer.Arn}", events: '
        '["s3:ObjectCreated:CompleteMultipartUpload"], '
        'prefix: "${source_bucket.ExportPrefix}"}}',
    ),
    Edit(
        "widen_filter",
        _widen_filter,
        {
            "type": "object",
            "properties": _COMMON,
            "required": ["to", "events"],
            "additionalProperties": False,
        },
        Text(
            "Widens the filter of the destination's entry for these events until it covers the prefix; an entry that "
            "has "
            "nothing to do with the prefix stays, and one is added.",
            "指定のイベントを受け取る設定のフィルターを、プレフィックスを含むところまで広げます。"
            "プレフィックスと無関係な設定は残し、"
            "新しい設定を追加します。",
        ),
        '{facet: Notification, widen_filter: {to: "${consumer.Arn}", events: '
        '["s3:ObjectCreated:CompleteMultipartUpload"], '
        'prefix: "${source_bucket.ExportPrefix}"}}',
    ),
)
