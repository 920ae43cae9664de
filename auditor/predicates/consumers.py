"""Predicates about what stands at the end of a notification: exists, can_receive, stays_out_of_loops."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from auditor.kinds import MISSING, gone
from auditor.model import NODES, Evidence, Json, Text, Unread
from auditor.predicates.exports import all_of, any_of
from auditor.predicates.notifications import CREATED, entries
from auditor.predicates.words import ANOTHER_BUCKET
from auditor.scope import Found, Predicate, Scope, object_to, unknown_at, walk

_ARRIVAL = Text("where S3's events arrive", "S3 のイベントが届く場所")
_NOT_ZERO = Text("not 0", "0 以外")
_STANDARD = Text("a standard queue or topic", "標準のキューまたはトピック")
_TARGET = Text("a target", "ターゲット")
_NOTHING_AGAIN = Text("nothing that wakes the function again", "この関数を再び起動しない送信先")
_FIFO = Text("S3 delivers to standard queues and topics only.", "S3 が通知できるのは標準のキューとトピックだけです。")


def _exists(_found: Found, wanted: Json, scope: Scope) -> Iterator[Evidence]:
    """Object to what AWS says is not there: that is knowledge, and no refusal."""
    if wanted not in {True, scope.subject}:
        return
    said = next((unread.reason for unread in scope.me.unread.values() if gone(scope.me, unread)), None)
    if said is not None:
        known = scope.me.node
        note = _DROPPED if known.name == "consumer" else _unknown_there(known.account.id)
        where = Found(said, f"{scope.subject}.{_FIRST.get(known.kind, 'Arn')}")
        yield object_to(where, _EXISTS, scope, note=note, key=MISSING)


_EXISTS = Text("that it exists", "存在すること")
_DROPPED = Text(
    "S3 drops events for what is not there, silently.",
    "宛先が存在しないイベントは、S3 が黙って捨てます。",
)


def _unknown_there(account: str) -> Text:
    return Text(
        f"Account {account} has nothing of this name: a slip in the pipeline file, another Region, or it was deleted.",
        f"アカウント {account} にこの名前のリソースはありません。パイプラインファイルの誤記、リージョン違い、または削除済みです。",
    )


def _can_receive(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    kind = str(scope.take("subject.Kind"))
    missing = list(_exists(found, wanted, scope))
    return missing or [*_same_region(kind, scope), *_JUDGES[kind](scope)]


def _same_region(kind: str, scope: Scope) -> Iterator[Evidence]:
    mine, bucket = scope.find("subject.Region"), scope.find("source_bucket.Region")
    if bucket.unread is not None:
        yield unknown_at(bucket.route, bucket.unread, f"{mine.value}", scope)
    elif bucket.value is not None and mine.value != bucket.value:
        if kind == "events.rule":
            yield _forwarded(mine, scope)
            return
        note = Text(
            "S3 notifies only within the bucket's Region.",
            "S3 が通知できるのはバケットと同じリージョンの宛先だけです。",
        )
        yield object_to(mine, bucket.value, scope, note=note)


def _forwarded(found: Found, scope: Scope) -> Evidence:
    """Return the doubt about a rule elsewhere: another rule, not part of the pipeline, may send the events on to it."""
    note = Text(
        "S3's events arrive at the default bus of the bucket's own account and Region. A rule there may send them on "
        "to this one; "
        "it is not part of the pipeline.",
        "S3 のイベントはバケットと同じアカウント・リージョンのデフォルトバスに届きます。"
        "そこからこのルールへ転送されている"
        "可能性がありますが、転送ルールはパイプラインに書かれていません。",
    )
    return unknown_at(found.route, Unread("NotDeclared", detail=note), _ARRIVAL, scope, note=note)


def _judge_function(scope: Scope) -> Iterator[Evidence]:
    state = scope.find("subject.Configuration.State")
    if state.unread is not None:
        yield unknown_at(state.route, state.unread, "Active", scope)
    elif state.value in {"Failed", "Inactive"}:
        reason = walk(scope.find("subject.Configuration.StateReason").value, ())
        yield object_to(state, "Active", scope, note=_because(reason))
    reserved = scope.find("subject.Concurrency.ReservedConcurrentExecutions")
    if reserved.unread is not None:
        yield unknown_at(reserved.route, reserved.unread, _NOT_ZERO, scope)
    elif reserved.value == 0:
        note = Text("With 0 reserved the function never runs.", "予約済み同時実行数が 0 の関数は一切実行されません。")
        yield object_to(reserved, _NOT_ZERO, scope, note=note)


def _because(reason: Json) -> Text | None:
    return Text(f"Lambda says: {reason}", f"Lambda の説明: {reason}") if isinstance(reason, str) else None


def _judge_queue(scope: Scope) -> Iterator[Evidence]:
    yield from _standard(scope, "FifoQueue")


def _judge_topic(scope: Scope) -> Iterator[Evidence]:
    yield from _standard(scope, "FifoTopic")


def _standard(scope: Scope, flag: str) -> Iterator[Evidence]:
    arn, found = scope.find("subject.Arn"), scope.find(f"subject.Attributes.{flag}")
    if str(arn.value).endswith(".fifo"):
        yield object_to(arn, _STANDARD, scope, note=_FIFO)
    elif found.unread is not None:
        yield unknown_at(found.route, found.unread, "false", scope)
    elif str(found.value).lower() == "true":
        yield object_to(found, "false", scope, note=_FIFO)


def _judge_rule(scope: Scope) -> Iterator[Evidence]:
    state, targets = scope.find("subject.Rule.State"), scope.find("subject.Targets")
    if state.unread is not None:
        yield unknown_at(state.route, state.unread, "ENABLED", scope)
    elif state.value == "DISABLED":
        yield object_to(state, "ENABLED", scope)
    if targets.unread is not None:
        yield unknown_at(targets.route, targets.unread, _TARGET, scope)
    elif not targets.value:
        yield object_to(targets, _TARGET, scope)
    bus, owner = scope.find("subject.Bus"), scope.find("subject.Account")
    if bus.unread is None and bus.value not in (None, "default"):
        yield _forwarded(bus, scope)
    elif scope.resource("source_bucket") is not None and owner.value != scope.find("source_bucket.Account").value:
        yield _forwarded(owner, scope)


_FIRST: Mapping[str, str] = {
    "lambda.function": "Configuration",
    "sqs.queue": "Attributes",
    "sns.topic": "Attributes",
    "events.rule": "Rule",
    "s3.bucket": "Versioning",
    "dynamodb.table": "ContinuousBackups",
    "iam.role": "Role",
    # Not Description, which tables have too: a rule about them would read it for nothing.
    "kms.key": "Rotation",
    "glue.table": "Table",
}
"""The facet of each kind that tells, at the least, whether the resource is there."""

_JUDGES: Mapping[str, Callable[[Scope], Iterator[Evidence]]] = {
    "lambda.function": _judge_function,
    "sqs.queue": _judge_queue,
    "sns.topic": _judge_topic,
    "events.rule": _judge_rule,
}


def _stays_out_of_loops(found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    """Object to a destination of asynchronous invocations that wakes the function again."""
    own = str(scope.take("subject.Arn"))
    for outcome in ("OnSuccess", "OnFailure"):
        route = f"{found.route}.DestinationConfig.{outcome}.Destination"
        target = Found(walk(found.value, ("DestinationConfig", outcome, "Destination")), route)
        if target.unread is not None:
            yield unknown_at(route, target.unread, _NOTHING_AGAIN, scope)
        elif isinstance(target.value, str) and (target.value == own or target.value.startswith(f"{own}:")):
            note = Text(
                "Each invocation is handed to the function itself, which runs again, and again.",
                "呼び出しの結果が関数自身に渡され、際限なく実行され続けます。",
            )
            yield object_to(target, _NOTHING_AGAIN, scope, note=note)
        elif target.value is not None and target.value == scope.find("source_bucket.Arn").value:
            yield from _into_the_bucket(target, own, scope)


def _into_the_bucket(target: Found, own: str, scope: Scope) -> Iterator[Evidence]:
    # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html: where Lambda puts the records.
    key = f"aws/lambda/async/{scope.take('subject.Name')}/2026/01/15/2026-01-15T00.00.00-0a1b2c3d.json"
    notification = Found(scope.take("source_bucket.Notification"), "source_bucket.Notification")
    woken = any_of(
        all_of((one.tells(own), any_of(one.hears(event) for event in CREATED), one.admits(key)))
        for one in entries(notification)
    )
    if isinstance(woken, Unread):
        yield unknown_at(target.route, woken, ANOTHER_BUCKET, scope)
    elif woken:
        note = Text(
            f"A failed run leaves a record at {key.rsplit('/', 4)[0]}/…, which raises an event that wakes the "
            f"function again.",
            f"失敗の記録が {key.rsplit('/', 4)[0]}/… に置かれ、そのイベントが再び関数を起動します。",
        )
        yield object_to(target, ANOTHER_BUCKET, scope, note=note)


def _all_facets(_wanted: Json, _at: str) -> tuple[str, ...]:
    facets = ("Configuration", "Concurrency", "Attributes", "Rule", "Targets")
    return (*(f"subject.{facet}" for facet in facets), "?source_bucket.Region")


CONSUMERS = (
    Predicate(
        "exists",
        _exists,
        {"anyOf": [{"const": True}, {"enum": list(NODES)}]},
        Text(
            "AWS does not say that the resource is not there; with a node's name, that is asked of this node only. Where a rule "
            "has found that something does not exist, other rules that are open only for want of it do not apply.",
            "リソースについて、AWS が「存在しない」と答えていない。ノード名を書くと、そのノードだけを確かめる。存在しないことが"
            "分かった場合、それだけが理由で判定できないほかのルールは対象外になる。",
        ),
        needs=lambda _wanted, _at: tuple(f"subject.{facet}" for facet in _FIRST.values()),
        example="{exists: true}",
        asks=lambda _wanted: _EXISTS,
    ),
    Predicate(
        "can_receive",
        _can_receive,
        {"const": True},
        Text(
            "What S3 notifies exists, is of a sort that S3 supports, lies in the bucket's Region, and is not "
            "switched off.",
            "通知先が存在し、S3 が対応する種類で、バケットと同じリージョンにあり、停止されていない。",
        ),
        needs=_all_facets,
        example="{can_receive: true}",
    ),
    Predicate(
        "stays_out_of_loops",
        _stays_out_of_loops,
        {"const": True},
        Text(
            "What the function's asynchronous invocations hand on does not wake the function again.",
            "関数の非同期呼び出しの送信先が、関数自身を再び起動しない。",
        ),
        needs=lambda _wanted, _at: ("?source_bucket.Notification",),
        example="{at: EventInvokeConfig, stays_out_of_loops: true}",
    ),
)
