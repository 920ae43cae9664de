"""PutBucketNotificationConfiguration as AWS checks and keeps it; moto loses EventBridge and checks no destination."""

from __future__ import annotations

import uuid
from itertools import combinations
from typing import TYPE_CHECKING, Any

from auditor.standin.access import Need, service_may
from auditor.standin.options import OPTIONS
from auditor.standin.s3.documents import Document, Put, invalid_argument, malformed

if TYPE_CHECKING:
    from collections.abc import Iterator

# list in the document: (member with the ARN, service in the ARN, what S3 must be allowed, moto's names)
_TARGETS = {
    "LambdaFunctionConfigurations": ("LambdaFunctionArn", "lambda", "lambda:InvokeFunction", "CloudFunction"),
    "QueueConfigurations": ("QueueArn", "sqs", "sqs:SendMessage", "Queue"),
    "TopicConfigurations": ("TopicArn", "sns", "sns:Publish", "Topic"),
}
_NOT_VALID = "Unable to validate the following destination configurations"
_AMBIGUOUS = (
    "Configuration is ambiguously defined. Cannot have overlapping suffixes in two rules "
    "if the prefixes are overlapping for the same event type."
)
_ARN_PARTS = 6


def check(put: Put) -> dict[str, Any]:
    """Refuse what AWS refuses; generate missing ids; hand moto what it needs to send the events."""
    seen: list[tuple[str, str, str]] = []
    ids: list[str] = []
    for kind, entry, arn in _entries(put.document):
        ids.append(entry.setdefault("Id", str(uuid.uuid4())))
        prefix, suffix = _filter(entry)
        if not entry.get("Events"):
            raise malformed()
        if arn.split(":")[2:3] != [_TARGETS[kind][1]]:
            raise invalid_argument("The ARN could not be parsed")
        seen += [(event, prefix, suffix) for event in entry["Events"]]
    if twice := [one for one in dict.fromkeys(ids) if ids.count(one) > 1]:
        raise invalid_argument("Configuration ids should be unique. Following Ids are not unique: " + ", ".join(twice))
    _check_events(put.document)
    if any(_overlap(one, other) for one, other in combinations(seen, 2)):
        raise invalid_argument(_AMBIGUOUS)
    if str(put.headers.get("x-amz-skip-destination-validation", "")).lower() != "true" and OPTIONS.strict_destinations:
        for kind, _, arn in _entries(put.document):
            if not reaches(put.bucket, kind, arn):
                raise invalid_argument(_NOT_VALID)
    put.bucket.set_notification_configuration(_for_moto(put.document))
    return {}


def _entries(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], str]]:
    for kind, (member, *_) in _TARGETS.items():
        for entry in document.get(kind) or []:
            yield kind, entry, entry.get(member) or ""


def _filter(entry: dict[str, Any]) -> tuple[str, str]:
    """Return prefix and suffix; spell the names as GetBucketNotificationConfiguration answers them."""
    found: dict[str, str] = {}
    for rule in ((entry.get("Filter") or {}).get("Key") or {}).get("FilterRules") or []:
        name = str(rule.get("Name", "")).lower()
        if name not in ("prefix", "suffix"):
            raise invalid_argument("filter rule name must be either prefix or suffix")
        if name in found:
            raise invalid_argument(f"Cannot specify more than one {name} rule in a filter.")
        rule["Name"], rule["Value"] = name.capitalize(), rule.get("Value") or ""
        found[name] = rule["Value"]
    return found.get("prefix", ""), found.get("suffix", "")


def _check_events(document: dict[str, Any]) -> None:
    from moto.s3.notifications import S3NotificationEvent

    for _, entry, _ in _entries(document):
        for event in entry["Events"]:
            if event not in S3NotificationEvent.events():
                raise invalid_argument("The event is not supported for notifications")


def _overlap(one: tuple[str, str, str], other: tuple[str, str, str]) -> bool:
    (event1, prefix1, suffix1), (event2, prefix2, suffix2) = one, other
    stem1, stem2 = event1.removesuffix("*"), event2.removesuffix("*")
    same_event = event1 == event2 or (
        (event1.endswith("*") and event2.startswith(stem1)) or (event2.endswith("*") and event1.startswith(stem2))
    )
    return (
        same_event
        and (prefix1.startswith(prefix2) or prefix2.startswith(prefix1))
        and (suffix1.endswith(suffix2) or suffix2.endswith(suffix1))
    )


def reaches(bucket: Any, kind: str, arn: str) -> bool:
    """Return whether the destination exists in the bucket's Region and lets S3 in on behalf of this bucket."""
    parts = arn.split(":")
    if len(parts) < _ARN_PARTS or parts[3] != bucket.region_name or arn.endswith(".fifo"):
        return False
    policy = _policy(kind, arn, account=parts[4], region=parts[3])
    return service_may("s3.amazonaws.com", Need(_TARGETS[kind][2], arn, parts[4], policy), bucket)


def _policy(kind: str, arn: str, account: str, region: str) -> Any:
    """Return the destination's resource policy, None when there is no such destination."""
    if kind == "QueueConfigurations":
        from moto.sqs.models import sqs_backends

        queue = sqs_backends[account][region].queues.get(arn.split(":")[5])
        return queue.policy if queue else None
    if kind == "TopicConfigurations":
        from moto.sns.models import sns_backends

        topic = sns_backends[account][region].topics.get(arn)
        return topic.policy if topic else None
    from auditor.standin.functions import policy_of

    return policy_of(arn, account, region)


def _for_moto(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document in the spelling of moto's event sender."""
    result: dict[str, Any] = {}
    for kind, entry, arn in _entries(document):
        name = _TARGETS[kind][3]
        prefix, suffix = _filter(entry)
        rules = [{"Name": key, "Value": value} for key, value in (("prefix", prefix), ("suffix", suffix)) if value]
        filters = {"S3Key": {"FilterRule": rules}} if rules else {}
        target = {"Id": entry["Id"], name: arn, "Event": entry["Events"], "Filter": filters}
        result.setdefault(f"{name}Configuration", []).append(target)
    if "EventBridgeConfiguration" in document:
        result["EventBridgeConfiguration"] = {}
    return result


DOCUMENT = Document(
    "notification", "PutBucketNotificationConfiguration", "GetBucketNotificationConfiguration", check, absent={}
)
