"""Edits that let the consumer hear of exports, in the way the pipeline wakes it: by entry, or through EventBridge."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, unquote_plus

from auditor.edits.edit import Edit, known, listed, mapping
from auditor.edits.notifications import NOTIFICATIONS
from auditor.errors import Refused
from auditor.kinds.event_patterns import Free, matches, object_created
from auditor.model import Json, Text
from auditor.scope import Scope, walk

_EDITS: Mapping[str, Edit] = {row.name: row for row in NOTIFICATIONS}
_LISTS: Mapping[str, str] = {
    "LambdaFunctionConfigurations": "LambdaFunctionArn",
    "QueueConfigurations": "QueueArn",
    "TopicConfigurations": "TopicArn",
}
_MULTIPART = "s3:ObjectCreated:CompleteMultipartUpload"
_CREATED = ("s3:ObjectCreated:Put", "s3:ObjectCreated:Post", "s3:ObjectCreated:Copy", _MULTIPART)
_FAILED = "s3:Replication:OperationFailedReplication"
_PATTERN = Text(
    "the pattern of an EventBridge rule is its owner's to word: change it so that it matches the objects of an export.",
    "EventBridge ルールのイベントパターンは所有者が決めるものです。エクスポートのオブジェクトに一致するよう変更してください。",
)
_NO_FAILURES_THERE = Text(
    "S3 sends no replication events to EventBridge: name a queue, topic or function, or set an alarm.",
    "S3 はレプリケーションのイベントを EventBridge に送りません。キュー・トピック・関数を宣言するか、アラームを設定してください。",
)
_NO_CONSUMER = Text(
    "the pipeline declares no consumer: decide who is told.",
    "パイプラインにコンシューマーの宣言がありません。通知先を決めてください。",
)


def _hear_exports(document: Json, wanted: Json, scope: Scope) -> Json:
    to, everything = _consumer(wanted, scope)
    if _through_eventbridge(scope):
        if not _pattern_fits(scope):
            raise Refused("Manual", _PATTERN)
        return _EDITS["add_events"].apply(document, {"eventbridge": True}, scope)
    to = _named_already(document, to)
    if everything:
        missing = [event for event in _CREATED if not _hears(document, to, event)]
        area = {"prefix": wanted.get("whole") or "", "suffix": ""}
        return (
            _EDITS["add_events"].apply(document, {"to": to, "events": missing, **area}, scope) if missing else document
        )
    if _hears(document, to, _MULTIPART):
        return document
    return _EDITS["add_events"].apply(document, {"to": to, "events": [_MULTIPART], "prefix": wanted["prefix"]}, scope)


def _admit_exports(document: Json, wanted: Json, scope: Scope) -> Json:
    to, everything = _consumer(wanted, scope)
    if _through_eventbridge(scope):
        raise Refused("Manual", _PATTERN)
    to = _named_already(document, to)
    events = [event for event in (_CREATED if everything else (_MULTIPART,)) if _hears(document, to, event)]
    area = {"prefix": wanted.get("whole") or "", "suffix": ""} if everything else {"prefix": wanted["prefix"]}
    respelt = _respelt(mapping(document, "the notification"), to, ion=_writes_ion(scope) and not everything)
    return _EDITS["widen_filter"].apply(respelt, {"to": to, "events": events, **area}, scope)


def _hear_failures(document: Json, wanted: Json, scope: Scope) -> Json:
    to, _ = _consumer(wanted, scope)
    if _through_eventbridge(scope):
        raise Refused("Manual", _NO_FAILURES_THERE)
    to = _named_already(document, to)
    return _EDITS["add_events"].apply(document, {"to": to, "events": [_FAILED], "prefix": wanted["prefix"]}, scope)


def _consumer(wanted: Json, scope: Scope) -> tuple[str, bool]:
    """Return the consumer's ARN, and whether it is woken by all objects."""
    if scope.resource("consumer") is None:
        raise Refused("Manual", _NO_CONSUMER)
    return str(known(wanted.get("to"), "to")), wanted.get("of") == "all_objects"


def _through_eventbridge(scope: Scope) -> bool:
    return bool(scope.take("consumer.Kind") == "events.rule")


def _pattern_fits(scope: Scope) -> bool:
    """Tell whether the rule's pattern may match a new object of the bucket, whatever its key."""
    bucket = {name: scope.find(f"source_bucket.{name}").value for name in ("Name", "Arn", "Account", "Region")}
    event = object_created(bucket, Free(), "CompleteMultipartUpload")
    return matches(scope.take("consumer.Rule.EventPattern"), event) is not False


def _entries(document: Json) -> list[tuple[str, Json]]:
    return [
        (str(one.get(key)), one) for name, key in _LISTS.items() for one in listed(mapping(document, "it").get(name))
    ]


def _named_already(document: Json, to: str) -> str:
    """Return the ARN under which the bucket already knows the consumer: a function's alias stays an alias."""
    qualified = [arn for arn, _ in _entries(document) if arn.startswith(f"{to}:")]
    return qualified[0] if qualified and not any(arn == to for arn, _ in _entries(document)) else to


def _hears(document: Json, to: str, event: str) -> bool:
    family = f"{event.rsplit(':', 1)[0]}:*"
    return any(arn == to and {event, family} & set(listed(one.get("Events"))) for arn, one in _entries(document))


def _writes_ion(scope: Scope) -> bool:
    made = walk(scope.find("table.Exports").value, ("Exports",))
    newest = made[0] if isinstance(made, list) and made else None
    return bool(walk(newest, ("ExportFormat",)) == "ION")


def _respelt(document: dict[str, Json], to: str, *, ion: bool) -> dict[str, Json]:
    """Return the document with the consumer's filters URL-encoded, and open to ION where the exports are in it."""
    changed = {
        name: [_with_filter(one, ion=ion) if one.get(key) == to else one for one in listed(document[name])]
        for name, key in _LISTS.items()
        if name in document
    }
    return {**document, **changed}


def _with_filter(entry: Json, *, ion: bool) -> Json:
    rules = walk(entry, ("Filter", "Key", "FilterRules"))
    if not rules:
        return entry
    made = [{**rule, "Value": _value(str(rule.get("Name")), str(rule.get("Value", "")), ion=ion)} for rule in rules]
    return {**entry, "Filter": {**entry["Filter"], "Key": {**entry["Filter"]["Key"], "FilterRules": made}}}


def _value(name: str, value: str, *, ion: bool) -> str:
    other = ".json.gz" if ion else ".ion.gz"
    if name.lower() == "suffix" and value.endswith(other):
        return f"{value.removesuffix(other)}.gz"
    return quote(unquote_plus(value), safe="/!-_.*'()").replace("%20", "+")


_TEXT: Json = {"type": "string"}
_TO: Mapping[str, Json] = {
    "type": "object",
    "properties": {"to": _TEXT, "of": {"enum": ["exports", "all_objects"]}, "prefix": _TEXT, "whole": _TEXT},
    "required": ["to", "prefix"],
    "additionalProperties": False,
}


def _rule(_wanted: Json, _at: str) -> tuple[str, ...]:
    return ("consumer.Rule", "source_bucket.Region")


HEARING: tuple[Edit, ...] = (
    Edit(
        "hear_exports",
        _hear_exports,
        _TO,
        Text(
            "Lets the consumer hear of multipart uploads (or of all new objects), or switches EventBridge on for its "
            "rule; a "
            "rule's pattern is never changed.",
            "コンシューマーにマルチパートアップロード（またはすべての作成イベント）が届くようにするか、"
            "ルールのために EventBridge を有効に"
            "します。ルールのパターンは変更しません。",
        ),
        '{facet: Notification, hear_exports: {to: "${consumer.Arn}", of: "${intent.wake_on}", '
        'prefix: "${source_bucket.ExportPrefix}", whole: "${source_bucket.Prefix}"}}',
        _rule,
    ),
    Edit(
        "admit_exports",
        _admit_exports,
        _TO,
        Text(
            "Widens the filter of the consumer's entry until exports (or all objects under the prefix) pass; "
            "respells special "
            "characters as S3 compares them.",
            "コンシューマーへの設定のフィルターを、"
            "エクスポート（またはプレフィックス以下の全オブジェクト）が通るまで広げます。特殊文字は"
            "S3 の比較方法に合わせて書き直します。",
        ),
        '{facet: Notification, admit_exports: {to: "${consumer.Arn}", of: "${intent.wake_on}", '
        'prefix: "${source_bucket.ExportPrefix}", whole: "${source_bucket.Prefix}"}}',
        lambda _wanted, _at: ("consumer.Kind", "table.Exports"),
    ),
    Edit(
        "hear_failures",
        _hear_failures,
        _TO,
        Text(
            "Lets the consumer hear of failed replication under the prefix.",
            "プレフィックス以下のレプリケーション失敗がコンシューマーに届くようにします。",
        ),
        '{facet: Notification, hear_failures: {to: "${consumer.Arn}", prefix: "${source_bucket.ExportPrefix}"}}',
        lambda _wanted, _at: ("consumer.Kind",),
    ),
)
