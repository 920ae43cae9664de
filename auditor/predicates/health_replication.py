"""Predicates about how replication has gone lately: has_replicas, keeps_up, watches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.exports import Maybe, all_of, any_of, options, same
from auditor.predicates.replication import Standing, winners
from auditor.predicates.words import NONE
from auditor.scope import Found, Predicate, Scope, object_to, unknown_at, walk

_ALIVE = frozenset({"New", "Preparing", "Ready", "Active", "Suspended", "Pausing", "Paused", "Completing"})
_RTC_SECONDS = 900
_USUAL_SECONDS = 86_400
_WHOLE_DAY = 23


_JOB = Text("a Batch Replication job for older objects", "既存オブジェクトに対するバッチレプリケーションジョブ")
_KEEPS_UP = Text("replication keeps up", "レプリケーションが遅れていないこと")
_ALARM = Text("an alarm on OperationsFailedReplication", "OperationsFailedReplication のアラーム")
_ITS_ALARM = Text(
    "an alarm on OperationsFailedReplication of this rule", "このルールの OperationsFailedReplication に対するアラーム"
)
_NO_ALARM = Text("no alarm", "アラームなし")


def _has_replicas(found: Found, _wanted: Json, scope: Scope) -> Iterable[Evidence]:
    objects = walk(found.value, ("Objects",)) or []
    left = [(i, walk(one, ("ReplicationStatus",))) for i, one in enumerate(objects)]
    unread = next(((i, status) for i, status in left if isinstance(status, Unread)), None)
    open_ones = [(i, status) for i, status in left if status is None or status == "FAILED"]
    if not open_ones:
        return (
            ()
            if unread is None
            else (unknown_at(f"{found.route}.Objects[{unread[0]}]", unread[1], "COMPLETED", scope),)
        )
    underway = _underway(scope)
    if underway is True:
        return ()
    if isinstance(underway, Unread):
        return (unknown_at("source_bucket.ReplicationJobs", underway, _JOB, scope),)
    index, status = open_ones[0]
    failed = sum(one == "FAILED" for _, one in open_ones)
    more = walk(found.value, ("Truncated",)) is True
    note = Text(
        f"Of {len(left)} objects looked at{' (there are more)' if more else ''}, {len(open_ones) - failed} have no "
        f"replica and "
        f"{failed} FAILED; the first is {walk(objects[index], ('Key',))}. S3 does not return to them by itself.",
        f"調べた {len(left)} 件{'（ほかにもあります）' if more else ''}のうち、{len(open_ones) - failed} "
        f"件にはレプリカがなく、"
        f"{failed} 件は FAILED です（最初は {walk(objects[index], ('Key',))}）。S3 が自動でやり直すことはありません。",
    )
    here = Found(status, f"{found.route}.Objects[{index}].ReplicationStatus")
    return (object_to(here, "COMPLETED", scope, note=note, shown=status or NONE),)


def _underway(scope: Scope) -> Maybe:
    jobs = scope.find("source_bucket.ReplicationJobs")
    if jobs.unread is not None:
        return jobs.unread
    states = [walk(job, ("Status",)) for job in walk(jobs.value, ("Jobs",)) or []]
    # A job that is only planned has no status yet.
    return any_of(one if isinstance(one, Unread) else one is None or one in _ALIVE for one in states)


def _keeps_up(found: Found, wanted: Json, scope: Scope) -> Iterator[Evidence]:
    to, bucket, prefix = options(wanted, "to", "bucket", "prefix")
    drawn = winners(scope.find("subject.Replication"), to, prefix, scope)
    for index, one in enumerate(walk(found.value, ("Rules",)) or []):
        winner = next((rule for rule in drawn.winners if _same_rule(one, rule)), None)
        if walk(one, ("DestinationBucket",)) != bucket or (drawn.winners and winner is None):
            continue
        timed = walk(winner.rule, ("Destination", "ReplicationTime", "Status")) == "Enabled" if winner else False
        yield from _lag(Found(one, f"{found.route}.Rules[{index}]"), timed, scope)


def _same_rule(metrics: Json, rule: Standing) -> bool:
    name = walk(rule.rule, ("ID",))
    return not isinstance(name, str) or walk(metrics, ("RuleId",)) == name


def _lag(rule: Found, timed: bool, scope: Scope) -> Iterator[Evidence]:
    failed = _number(rule, "OperationsFailedReplication", "Sum")
    latency = _number(rule, "ReplicationLatency", "Maximum")
    least = _number(rule, "ReplicationLatency", "Minimum")
    pending = _number(rule, "OperationsPendingReplication", "Minimum")
    hours = _number(rule, "OperationsPendingReplication", "Datapoints")
    for one in (failed, latency, pending):
        if one.unread is not None:
            yield unknown_at(one.route, one.unread, _KEEPS_UP, scope)
    if _over(failed, 0):
        note = Text(
            "Objects whose replication FAILED stay so: repair the cause, then replicate them with S3 Batch "
            "Replication.",
            "FAILED になったオブジェクトは自動では再試行されません。原因を直してから、S3 "
            "バッチレプリケーションで送り直してください。",
        )
        yield object_to(failed, 0, scope, note=note)
    limit = _RTC_SECONDS if timed else _USUAL_SECONDS
    if _over(latency, limit):
        yield object_to(latency, Text("at most {} seconds", "{} 秒以内").fill(limit), scope)
    elif _over(pending, 0) and _over(hours, _WHOLE_DAY - 1) and (least.value is None or _over(least, _RTC_SECONDS)):
        note = Text(
            "Something was waiting in every hour of the day, and the destination never caught up within 15 minutes.",
            "一日中、どの時間帯にも待ちがあり、送信先が 15 分以内に追いついたことが一度もありません。",
        )
        yield object_to(pending, Text("0 at some hour", "0 件になる時間帯があること"), scope, note=note)


def _number(rule: Found, metric: str, statistic: str) -> Found:
    return Found(walk(rule.value, (metric, statistic)), f"{rule.route}.{metric}.{statistic}")


def _over(found: Found, limit: float) -> bool:
    return isinstance(found.value, int | float) and found.value > limit


def _watches(found: Found, wanted: Json, scope: Scope) -> Iterable[Evidence]:
    to, bucket, prefix = options(wanted, "to", "bucket", "prefix")
    drawn = winners(scope.find("subject.Replication"), to, prefix, scope)
    names = [walk(one.rule, ("ID",)) for one in drawn.winners]
    alarms = found.value if isinstance(found.value, list) else []
    verdict = any_of(_alarmed(alarm, bucket, names) for alarm in alarms)
    if verdict is True:
        return ()
    if isinstance(verdict, Unread):
        return (unknown_at(found.route, verdict, _ALARM, scope),)
    shown = [walk(alarm, ("AlarmName",)) for alarm in alarms] or _NO_ALARM
    return (object_to(found, _ITS_ALARM, scope, shown=shown),)


def _alarmed(alarm: Json, bucket: Json, names: list[Json]) -> Maybe:
    if isinstance(alarm, Unread):
        return alarm
    enabled = walk(alarm, ("ActionsEnabled",))
    dimensions = {walk(one, ("Name",)): walk(one, ("Value",)) for one in walk(alarm, ("Dimensions",)) or []}
    return all_of(
        (
            enabled if isinstance(enabled, Unread) else enabled is not False,
            same(dimensions.get("DestinationBucket", bucket), bucket),
            "RuleId" not in dimensions or any_of(same(dimensions["RuleId"], name) for name in names),
        )
    )


_TEXT: Json = {"type": "string"}
_WHERE: Json = {
    "type": "object",
    "properties": {"to": _TEXT, "bucket": _TEXT, "prefix": _TEXT},
    "required": ["to", "bucket", "prefix"],
    "additionalProperties": False,
}


def _rule_too(_wanted: Json, _at: str) -> tuple[str, ...]:
    return ("subject.Replication",)


HEALTH_REPLICATION = (
    Predicate(
        "has_replicas",
        _has_replicas,
        {"const": True},
        Text(
            "None of the objects looked at is without replica or FAILED, or a Batch Replication job is under way for "
            "them.",
            "調べたオブジェクトに未レプリケートや FAILED がない。あっても、"
            "それらのためのバッチレプリケーションジョブが進んでいる。",
        ),
        needs=lambda _wanted, _at: ("source_bucket.ReplicationJobs",),
        example="{at: ObjectSample, has_replicas: true}",
    ),
    Predicate(
        "keeps_up",
        _keeps_up,
        _WHERE,
        Text(
            "The rule that wins the exports failed on nothing lately and is not far behind; no data is no failure.",
            "エクスポートに効くルールに最近の失敗も大きな遅れもない（データがないことは失敗とみなさない）。",
        ),
        needs=_rule_too,
        example='{at: ReplicationMetrics, keeps_up: {to: "${destination_bucket.Arn}", bucket: orders-analytics, '
        'prefix: "${subject.ExportPrefix}"}}',
        asks=lambda _wanted: _KEEPS_UP,
    ),
    Predicate(
        "watches",
        _watches,
        _WHERE,
        Text(
            "An alarm watches the failures of the rule that wins the exports.",
            "エクスポートに効くルールの失敗をアラームが監視している。",
        ),
        needs=_rule_too,
        example='{at: FailureAlarms, watches: {to: "${destination_bucket.Arn}", bucket: orders-analytics, '
        'prefix: "${subject.ExportPrefix}"}}',
        asks=lambda _wanted: _ITS_ALARM,
    ),
)
