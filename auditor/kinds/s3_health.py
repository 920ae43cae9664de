"""s3.bucket: what happened lately (object replication status, replication metrics) and which alarms watch it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta, timezone

from auditor.kinds.buckets import bucket_call, bucket_region, export_prefix
from auditor.kinds.facet import Ask, Call, Facet, Shape, Target, answer, facets
from auditor.kinds.paging import pages
from auditor.model import Json, Text

SAMPLED = 25
METRIC_HOURS = 24
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html: the statistics that are valid for each.
METRICS = {
    "BytesPendingReplication": "Maximum",
    "OperationsPendingReplication": "Maximum",
    "ReplicationLatency": "Maximum",
    "OperationsFailedReplication": "Sum",
}
_FAILED = "OperationsFailedReplication"
_EXPORT_FOLDER = re.compile(r"\d{10,}-[0-9a-f]+/$")
_ALARM_FIELDS = (
    "AlarmName",
    "AlarmArn",
    "ActionsEnabled",
    "AlarmActions",
    "StateValue",
    "MetricName",
    "Namespace",
    "Statistic",
    "Dimensions",
    "Metrics",
    "Period",
    "EvaluationPeriods",
    "Threshold",
    "ComparisonOperator",
    "TreatMissingData",
)


def _read_sample(ask: Ask, target: Target) -> Json:
    prefix = export_prefix(target)
    found = ask(_versions(target, Prefix=prefix, MaxKeys=1000))
    current, truncated = _current(found), bool(found.get("IsTruncated"))
    if truncated:
        # Keys come in alphabetical order and export ids begin with a time: the first page has only the oldest exports.
        folders = ask(_versions(target, Prefix=prefix, Delimiter="/", MaxKeys=1000)).get("CommonPrefixes") or []
        exports = sorted(one["Prefix"] for one in folders if _EXPORT_FOLDER.search(one.get("Prefix", "")))
        if exports:
            current += _current(ask(_versions(target, Prefix=exports[-1], MaxKeys=1000)))
    unique = {(one["Key"], one.get("VersionId")): one for one in current}
    chosen = _spread(sorted(unique.values(), key=lambda one: (str(one.get("LastModified")), one["Key"])))
    objects = [found for one in chosen if (found := _status(ask, target, one)) is not None]
    return {"Sampled": len(objects), "Truncated": truncated, "Objects": objects}


def _versions(target: Target, **params: Json) -> Call:
    return bucket_call(target, "ListObjectVersions", **params)


def _current(page: Mapping[str, Json]) -> list[Mapping[str, Json]]:
    return [one for one in page.get("Versions") or [] if one.get("IsLatest", True)]


def _spread(objects: list[Mapping[str, Json]]) -> Iterable[Mapping[str, Json]]:
    """Return the oldest, the newest and objects evenly between."""
    if len(objects) <= SAMPLED:
        return objects
    return [objects[round(index * (len(objects) - 1) / (SAMPLED - 1))] for index in range(SAMPLED)]


def _status(ask: Ask, target: Target, version: Mapping[str, Json]) -> Json:
    named = {"Key": version["Key"]} | ({"VersionId": version["VersionId"]} if version.get("VersionId") else {})
    found = answer(ask, bucket_call(target, "HeadObject", **named), absent=("NoSuchKey", "NoSuchVersion", "NotFound"))
    if found is None:
        return None
    return {
        "Key": version["Key"],
        "VersionId": version.get("VersionId"),
        "LastModified": version.get("LastModified"),
        "Size": version.get("Size"),
        "ReplicationStatus": found.get("ReplicationStatus"),
        "ServerSideEncryption": found.get("ServerSideEncryption"),
    }


def _read_metrics(ask: Ask, target: Target) -> Json:
    home = bucket_region(ask, target)
    # AWS publishes the pending and latency metrics in the destination's Region, the failures in the source's.
    regions = list(dict.fromkeys([home, *filter(None, [target.settings.get("destination_region")])]))
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    since = now - timedelta(hours=METRIC_HOURS)
    rules: dict[tuple[str, str], dict[str, Json]] = {}
    for region in regions:
        metrics = _listed_metrics(ask, target, region)
        for metric, values in zip(metrics, _values(ask, metrics, (since, now), region), strict=True):
            names = {one["Name"]: one["Value"] for one in metric.get("Dimensions") or []}
            pair = (names.get("DestinationBucket", ""), names.get("RuleId", ""))
            known = rules.setdefault(pair, {"DestinationBucket": pair[0], "RuleId": pair[1]})
            name = metric["MetricName"]
            if name not in known or known[name]["Datapoints"] == 0:
                known[name] = {**_summary(values, METRICS[name]), "Region": region}
    return {
        "Since": _iso(since),
        "Until": _iso(now),
        "Regions": regions,
        "Rules": [rules[pair] for pair in sorted(rules)],
    }


def _listed_metrics(ask: Ask, target: Target, region: str) -> list[Mapping[str, Json]]:
    dimensions = [{"Name": "SourceBucket", "Value": target.id}]
    listing = Call("cloudwatch", "ListMetrics", {"Namespace": "AWS/S3", "Dimensions": dimensions}, region)
    return [metric for metric in pages(ask, listing, "Metrics") if metric.get("MetricName") in METRICS]


def _values(
    ask: Ask, metrics: list[Mapping[str, Json]], span: tuple[datetime, datetime], region: str
) -> list[list[Json]]:
    """Return each metric's hourly values, oldest first."""
    found: list[list[Json]] = [[] for _ in metrics]
    for start in range(0, len(metrics), 500):  # GetMetricData takes at most 500 queries
        queries = [_query(index, metric) for index, metric in enumerate(metrics[start : start + 500], start)]
        params = {
            "MetricDataQueries": queries,
            "StartTime": _iso(span[0]),
            "EndTime": _iso(span[1]),
            "ScanBy": "TimestampAscending",
        }
        for result in pages(ask, Call("cloudwatch", "GetMetricData", params, region), "MetricDataResults"):
            found[int(result["Id"][1:])] += result.get("Values") or []
    return found


def _query(index: int, metric: Mapping[str, Json]) -> Json:
    named = {"Namespace": "AWS/S3", "MetricName": metric["MetricName"], "Dimensions": metric["Dimensions"]}
    stat = {"Metric": named, "Period": 3600, "Stat": METRICS[metric["MetricName"]]}
    return {"Id": f"m{index}", "MetricStat": stat, "ReturnData": True}


def _summary(values: list[Json], stat: str) -> dict[str, Json]:
    if not values:
        return {"Maximum": None, "Minimum": None, "Latest": None, "Sum": None, "Datapoints": 0}
    total = sum(values) if stat == "Sum" else None
    known = {"Maximum": max(values), "Minimum": min(values), "Latest": values[-1]}
    return {**known, "Sum": total, "Datapoints": len(values)}


def _iso(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _read_alarms(ask: Ask, target: Target) -> Json:
    home = bucket_region(ask, target)
    # One listing serves every bucket of the account, where DescribeAlarmsForMetric needs one call a rule and cannot see
    # an alarm on an expression.
    listing = Call("cloudwatch", "DescribeAlarms", {"AlarmTypes": ["MetricAlarm"], "MaxRecords": 100}, home)
    alarms = pages(ask, listing, "MetricAlarms", bound=200)
    return [
        {name: alarm[name] for name in _ALARM_FIELDS if name in alarm} for alarm in alarms if watches(alarm, target.id)
    ]


def watches(alarm: Mapping[str, Json], bucket: str) -> bool:
    """Tell whether an alarm is about objects of the bucket that failed to replicate."""
    if _is_failures_of(alarm, bucket):
        return True
    return any(
        _is_failures_of((part.get("MetricStat") or {}).get("Metric") or {}, bucket) or _searches(part, bucket)
        for part in alarm.get("Metrics") or []
    )


def _is_failures_of(metric: Mapping[str, Json], bucket: str) -> bool:
    named = {"Name": "SourceBucket", "Value": bucket}
    known = metric.get("Namespace") == "AWS/S3" and metric.get("MetricName") == _FAILED
    return known and named in (metric.get("Dimensions") or [])


def _searches(part: Mapping[str, Json], bucket: str) -> bool:
    expression = str(part.get("Expression", ""))
    if _FAILED not in expression:
        return False
    buckets = re.findall(r"""SourceBucket\s*=\s*["']?([a-z0-9.-]+)""", expression)
    return not buckets or bucket in buckets


_NUMBERS = {
    "Maximum": "number",
    "Minimum": "number",
    "Latest": "number",
    "Sum": "number",
    "Datapoints": "integer",
    "Region": "string",
}
_OBJECT = {
    "Key": "string",
    "VersionId": "string",
    "LastModified": "timestamp",
    "Size": "integer",
    "ReplicationStatus": Shape("api", "s3", "HeadObject", "ReplicationStatus"),
    "ServerSideEncryption": Shape("api", "s3", "HeadObject", "ServerSideEncryption"),
}
_RULES = {"DestinationBucket": "string", "RuleId": "string", **dict.fromkeys(METRICS, _NUMBERS)}

HEALTH = facets(
    Facet(
        "ObjectSample",
        _read_sample,
        # A version is always named, for which s3:GetObject is not asked.
        ("s3:ListBucketVersions", "s3:GetObjectVersion"),
        Shape("own", fields={"Sampled": "integer", "Truncated": "boolean", "Objects": [_OBJECT]}),
        ("s3:ListObjectVersions", "s3:HeadObject"),
        doc=Text(
            f"At most {SAMPLED} objects under the export prefix, oldest first, with their replication status.",
            f"エクスポート先のオブジェクト最大 {SAMPLED} 件（古い順）とレプリケーション状態です。",
        ),
    ),
    Facet(
        "ReplicationMetrics",
        _read_metrics,
        ("s3:GetBucketLocation", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData"),
        Shape("own", fields={"Since": "timestamp", "Until": "timestamp", "Regions": ["string"], "Rules": [_RULES]}),
        ("s3:GetBucketLocation", "cloudwatch:ListMetrics", "cloudwatch:GetMetricData"),
        doc=Text(
            f"CloudWatch's replication metrics of the last {METRIC_HOURS} hours, by destination and rule.",
            f"過去 {METRIC_HOURS} 時間の CloudWatch レプリケーションメトリクスです（送信先とルールごと）。",
        ),
    ),
    Facet(
        "FailureAlarms",
        _read_alarms,
        ("s3:GetBucketLocation", "cloudwatch:DescribeAlarms"),
        Shape("api", "cloudwatch", "DescribeAlarms", "MetricAlarms"),
        ("s3:GetBucketLocation", "cloudwatch:DescribeAlarms"),
        doc=Text(
            "CloudWatch alarms on failed replication from this bucket.",
            "このバケットからのレプリケーション失敗を監視する CloudWatch アラームです。",
        ),
    ),
)
