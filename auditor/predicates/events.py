"""Predicates about who hears of new objects: delivers, admits, subscribes, separates_entries."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import reduce

from auditor.kinds.event_patterns import Free, matches
from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.eventbridge import event_of, unlike
from auditor.predicates.exports import Maybe, all_of, any_of, encoded, export_prefix, miss, options, similar
from auditor.predicates.notifications import (
    CREATED,
    MULTIPART,
    SORTS,
    Entry,
    entries,
    keys_of,
    listed,
    other_keys,
    some_of_each,
)
from auditor.predicates.words import A_PREFIX_OF, DID_YOU_MEAN, NOBODY, PRESENT
from auditor.scope import Found, Predicate, Scope, object_to, unknown_at, walk

_EVENT_TO = Text("{} to {}", "{}（通知先: {}）")
_TO_SOMEBODY = Text("{} to somebody", "{} の通知先があること")
_EITHER = Text("{} or {}", "{} または {}")
_LETS = Text("filters that let exports through to {}", "エクスポートを {} に通すフィルター")
_NO_SUFFIX = Text("no suffix", "サフィックスなし")
_AN_END = Text("the end of an export object's key", "エクスポートされるオブジェクトのキーの末尾")


def _wanted_events(of: Json) -> tuple[str, ...]:
    return CREATED if of == "all_objects" else (MULTIPART,)


def _delivery(wanted: Json) -> Text:
    to, of = options(wanted, "to", "of")
    return _EVENT_TO.fill(_EITHER.fill(*CREATED[:2]) if of == "all_objects" else MULTIPART, to)


def _delivers(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    to, of = options(wanted, "to", "of")
    events = _wanted_events(of)
    if scope.take("consumer.Kind") == "events.rule":
        return tuple(_eventbridge_delivers(found, events, scope))
    known = entries(found)
    missing = [event for event in events if _heard(known, to, event) is not True]
    if not missing:
        return ()
    doubts = [one for one in known if any(isinstance(_for(one, to, event), Unread) for event in missing)]
    if doubts and all(isinstance(_heard(known, to, event), Unread) for event in missing):
        return (unknown_at(*doubts[0].gap, _EVENT_TO.fill(missing[0], to), scope),)
    mine = [one for one in known if one.tells(to) is True]
    return (_deaf(mine[0], missing, of, scope) if mine else _unnamed(found, known, str(to), missing, scope),)


def _for(one: Entry, to: str, event: str) -> Maybe:
    return all_of((one.tells(to), one.hears(event)))


def _heard(known: Iterable[Entry], to: str, event: str) -> Maybe:
    return any_of(_for(one, to, event) for one in known)


def _deaf(entry: Entry, missing: list[str], of: Json, scope: Scope) -> Evidence:
    """Return the objection to an entry that tells the consumer of other events."""
    note = Text(
        "DynamoDB writes exports as multipart uploads: they raise CompleteMultipartUpload, never Put or Post.",
        "DynamoDB のエクスポートはマルチパートアップロードなので、発生するのは CompleteMultipartUpload です。Put や "
        "Post は発生しません。",
    )
    wanted = missing if of == "all_objects" else _EITHER.fill(MULTIPART, "s3:ObjectCreated:*")
    found = Found(walk(entry.value, ("Events",)), f"{entry.route}.Events")
    return object_to(found, wanted, scope, note=note if MULTIPART in missing else None)


def _unnamed(found: Found, known: tuple[Entry, ...], to: str, missing: list[str], scope: Scope) -> Evidence:
    """Return the objection that no entry names the consumer, or why even that is not certain."""
    wanted = _EVENT_TO.fill(missing[0], to)
    told = [one for one in known if not isinstance(one.arn, Unread)]
    if detour := _detour(found, known, missing[0], scope):
        return unknown_at(detour[0], Unread("NotDeclared", detail=detour[1]), wanted, scope, note=detour[1])
    close = next((one for one in told if _nearly(str(one.arn), to)), None)
    if close is not None:
        note = DID_YOU_MEAN.fill(to)
        return object_to(Found(close.arn, f"{close.route}.{close.arn_key}"), to, scope, note=note)
    return object_to(found, wanted, scope, shown=[one.arn for one in told] or NOBODY)


def _detour(found: Found, known: tuple[Entry, ...], event: str, scope: Scope) -> tuple[str, Text] | None:
    """Return where exports may reach the consumer by way of something that is not part of the pipeline, and a word on it."""
    if walk(found.value, ("EventBridgeConfiguration",)) is not None:
        note = Text(
            "The bucket's events also go to EventBridge, where a rule may wake the consumer: declare the rule as the "
            "consumer.",
            "バケットのイベントは EventBridge にも送られ、そこのルールがコンシューマーを起動している可能性があります。"
            "そのルールをコンシューマーとして宣言してください。",
        )
        return f"{found.route}.EventBridgeConfiguration", note
    relays = _RELAYS.get(str(scope.take("consumer.Kind")), ())
    keys = keys_of(SORTS[0], export_prefix(scope))[0]
    for one in known:
        open_for = any_of(one.admits(key) for key in keys)
        if one.arn_key in relays and one.hears(event) is True and open_for is not False:
            note = Text(
                f"{one.arn} hears of exports and may pass them on to the consumer: declare it as the consumer if it "
                f"does.",
                f"{one.arn} にはエクスポートが通知されており、そこからコンシューマーに渡されている可能性があります。"
                "その場合は、こちらをコンシューマーとして宣言してください。",
            )
            return one.route, note
    return None


_RELAYS: Mapping[str, tuple[str, ...]] = {"lambda.function": ("TopicArn", "QueueArn"), "sqs.queue": ("TopicArn",)}
"""What can pass an event on: topics have functions and queues as subscribers, functions poll queues."""


def _nearly(arn: str, to: str) -> bool:
    one, other = arn.split(":", 5), to.split(":", 5)
    if len(one) < 6 or len(other) < 6 or one[2] != other[2]:
        return False
    return one[5] == other[5] or (similar(one[5], [other[5]]) is not None and one[3:5] == other[3:5])


def _eventbridge_delivers(found: Found, events: Iterable[str], scope: Scope) -> Iterator[Evidence]:
    switch = Found(walk(found.value, ("EventBridgeConfiguration",)), f"{found.route}.EventBridgeConfiguration")
    if switch.unread is not None:
        yield unknown_at(switch.route, switch.unread, PRESENT, scope)
    elif switch.value is None:
        note = Text(
            "The bucket sends nothing to EventBridge until this is on.",
            "これを有効にするまで、バケットは EventBridge に何も送りません。",
        )
        yield object_to(switch, PRESENT, scope, note=note)
    pattern = scope.find("consumer.Rule.EventPattern")
    yield from unlike(pattern, [event_of(scope, Free(), event) for event in events], scope)


def _admits(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    to, of = options(wanted, "to", "of")
    prefix = export_prefix(scope)
    verdict, lacking = (
        _all_heard(found, to, prefix, scope) if of == "all_objects" else _sorts_heard(found, to, prefix, scope)
    )
    if verdict is True:
        return ()
    event, key = lacking[0]
    if scope.take("consumer.Kind") == "events.rule":
        return tuple(unlike(scope.find("consumer.Rule.EventPattern"), [event_of(scope, key, event)], scope))
    mine = [one for one in entries(found) if all_of((one.tells(to), one.hears(event))) is not False]
    if isinstance(verdict, Unread):
        doubt = next(
            one for one in mine if isinstance(all_of((one.tells(to), one.hears(event), one.admits(key))), Unread)
        )
        return (unknown_at(*doubt.gap, Text("objects under {}", "{} 以下のオブジェクト").fill(prefix), scope),)
    whole = str(scope.take("subject.Prefix") or "") if of == "all_objects" else prefix
    return tuple(objection for one in mine for objection in _shut(one, whole, key, of, scope))


def _all_heard(found: Found, to: str, prefix: str, scope: Scope) -> tuple[Maybe, list[tuple[str, str]]]:
    """Return whether every object under the pipeline's prefix is heard of, and the events and keys that are not."""
    keys = (*other_keys(str(scope.take("subject.Prefix") or "")), *keys_of(SORTS[0], prefix)[0])
    lets = {
        (event, key): opens(key) for event in CREATED for opens in (_letting(found, to, event, scope),) for key in keys
    }
    return all_of(lets.values()), [pair for pair, verdict in lets.items() if verdict is not True]


def _letting(found: Found, to: str, event: str, scope: Scope) -> Callable[[str], Maybe]:
    """Return what tells of each key whether word of a new object reaches the consumer, as far as filters go."""
    if scope.take("consumer.Kind") == "events.rule":
        return lambda key: _matched(key, event, scope)
    # Whom an entry tells, and of what, is the same for every key.
    known = [(mine, one.sieve()) for one in entries(found) if (mine := _for(one, to, event)) is not False]
    return lambda key: any_of([all_of((mine, lets(key))) for mine, lets in known])


def _matched(key: str, event: str, scope: Scope) -> Maybe:
    verdict = matches(scope.take("consumer.Rule.EventPattern"), event_of(scope, key, event))
    return Unread("NotEvaluated", detail=Text("the event pattern", "イベントパターン")) if verdict is None else verdict


def _sorts_heard(found: Found, to: str, prefix: str, scope: Scope) -> tuple[Maybe, list[tuple[str, str]]]:
    """Return whether at least one object of every export is heard of, and the events and keys that are not.

    Full and incremental exports, and the two formats, write different keys. A filter that fits one sort only is judged
    by the table's newest export; where that is not known, by AWS's default sort, else by what the filter fits.
    """
    heard = {}
    opens = _letting(found, to, MULTIPART, scope)
    for sort in SORTS:
        exports = keys_of(sort, prefix)
        lets = {key: opens(key) for keys in exports for key in keys}
        heard[sort] = (
            some_of_each(exports, lets),
            [(MULTIPART, key) for key, verdict in lets.items() if verdict is not True],
        )
    verdicts = [verdict for verdict, _ in heard.values()]
    if all_of(verdicts) is True or any_of(verdicts) is not True:
        return heard[SORTS[0]]
    newest = _newest_sort(scope)
    if newest is not None:
        return heard[newest]
    fits = next(one for one in SORTS if heard[one][0] is True)
    if fits != SORTS[0] and scope.resource("table") is not None:
        scope.take("table.Exports")
    return heard[fits]


def _newest_sort(scope: Scope) -> tuple[str, str] | None:
    """Return the sort of the table's newest export, `None` when that is not known."""
    made = walk(scope.find("table.Exports").value, ("Exports",))
    for one in made if isinstance(made, list) else []:
        sort = (walk(one, ("ExportType",)) or SORTS[0][0], walk(one, ("ExportFormat",)) or SORTS[0][1])
        if sort in SORTS and walk(one, ("ExportStatus",)) != "FAILED":
            return sort
    return None


def _shut(entry: Entry, prefix: str, key: str, of: Json, scope: Scope) -> Iterator[Evidence]:
    """Yield what keeps an entry from hearing a key."""
    head, tail = entry.filter("prefix"), entry.filter("suffix")
    if head.value and not encoded(prefix).startswith(str(head.value)):
        note = miss(str(head.value), prefix, url=True)
        yield object_to(head, A_PREFIX_OF.fill(encoded(prefix)), scope, note=note)
    elif tail.value and not encoded(key).endswith(str(tail.value)):
        note = Text(
            "No export object ends like this. They end in .json.gz (or .ion.gz), manifest-files.json and "
            "manifest-summary.json.",
            "このような名前で終わるオブジェクトはエクスポートにありません。.json.gz（または .ion.gz）、"
            "manifest-files.json、"
            "manifest-summary.json で終わります。",
        )
        yield object_to(tail, _NO_SUFFIX if of == "all_objects" else _AN_END, scope, note=note)
    else:
        yield object_to(
            head if head.value else Found(walk(entry.value, ("Filter",)), f"{entry.route}.Filter"), key, scope
        )


def _subscribes(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    events, prefix = options(wanted, "events", "prefix")
    known = entries(found)
    exports = keys_of(SORTS[0], str(prefix or ""))
    verdicts = []
    for one in known:
        heard = any_of(one.hears(event) for event in listed(events))
        opens = one.sieve()
        lets = {key: all_of((heard, opens(key))) for keys in exports for key in keys}
        verdicts.append(some_of_each(exports, lets))
    if True in verdicts:
        return ()
    doubt = next((one for one, verdict in zip(known, verdicts, strict=True) if isinstance(verdict, Unread)), None)
    if doubt is not None:
        return (unknown_at(*doubt.gap, listed(events)[0], scope),)
    shown = sorted({str(event) for one in known for event in listed(walk(one.value, ("Events",)))})
    return (object_to(found, _TO_SOMEBODY.fill(reduce(_EITHER.fill, listed(events))), scope, shown=shown or NOBODY),)


def _reads(_wanted: Json, _at: str) -> tuple[str, ...]:
    return ("consumer.Kind", "consumer.Rule", "source_bucket.Region")


def _reads_exports(_wanted: Json, _at: str) -> tuple[str, ...]:
    return ("consumer.Kind", "consumer.Rule", "source_bucket.Region", "?table.Exports")


_TEXT: Json = {"type": "string"}
_TO: Mapping[str, Json] = {
    "type": "object",
    "properties": {"to": _TEXT, "of": {"enum": ["exports", "all_objects"]}},
    "required": ["to"],
    "additionalProperties": False,
}

EVENTS = (
    Predicate(
        "delivers",
        _delivers,
        _TO,
        Text(
            "The consumer is told of multipart uploads (`of: all_objects`: of every way to create an object), "
            "directly or through its "
            "EventBridge rule, whatever the filters.",
            "コンシューマーにマルチパートアップロードのイベントが届く（`of: all_objects` ならあらゆる作成イベント）。"
            "直接でも EventBridge の"
            "ルール経由でもよく、フィルターは問わない。",
        ),
        needs=_reads,
        example='{at: Notification, delivers: {to: "${consumer.Arn}", of: "${intent.wake_on}"}}',
        asks=_delivery,
    ),
    Predicate(
        "admits",
        _admits,
        _TO,
        Text(
            "The filters let the consumer hear at least one object of every export (`of: all_objects`: every object "
            "under the prefix).",
            "フィルターが、どのエクスポートについても少なくとも 1 つのオブジェクトを通す（`of: all_objects` "
            "ならプレフィックス以下すべて）。",
        ),
        needs=_reads_exports,
        example='{at: Notification, admits: {to: "${consumer.Arn}", of: "${intent.wake_on}"}}',
        asks=lambda wanted: _LETS.fill(wanted["to"]),
    ),
    Predicate(
        "subscribes",
        _subscribes,
        {
            "type": "object",
            "properties": {"events": {"type": "array", "items": _TEXT, "minItems": 1}, "prefix": _TEXT},
            "required": ["events"],
            "additionalProperties": False,
        },
        Text(
            "A function, queue or topic hears one of these events for exported objects.",
            "エクスポートされたオブジェクトについて、これらのイベントのいずれかを関数・キュー・トピックが受け取る。",
        ),
        example='{at: Notification, subscribes: {events: ["s3:Replication:*"], prefix: "${subject.ExportPrefix}"}}',
        asks=lambda wanted: _TO_SOMEBODY.fill(reduce(_EITHER.fill, wanted["events"])),
    ),
)
