"""S3 events as AWS sends them; moto sends wrong ones beside the right, and to nobody in another account."""

from __future__ import annotations

import copy
import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from auditor.standin.patch import memory, wrap
from auditor.standin.s3.notification import reaches

if TYPE_CHECKING:
    from collections.abc import Iterator

_PUT, _TAGGED = "s3:ObjectCreated:Put", "s3:ObjectTagging:Put"
_MARKER = "s3:ObjectRemoved:DeleteMarkerCreated"
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
_REASONS = {
    "s3:ObjectCreated:Put": "PutObject",
    "s3:ObjectCreated:Post": "POST Object",
    "s3:ObjectCreated:Copy": "CopyObject",
    "s3:ObjectCreated:CompleteMultipartUpload": "CompleteMultipartUpload",
    "s3:ObjectRemoved:Delete": "DeleteObject",
    "s3:ObjectRemoved:DeleteMarkerCreated": "DeleteObject",
    "s3:LifecycleExpiration:Delete": "Lifecycle Expiration",
}
# What moto calls the lists of its notification configuration: what the document calls them.
_LISTS = {
    "cloud_function": "LambdaFunctionConfigurations",
    "queue": "QueueConfigurations",
    "topic": "TopicConfigurations",
}
_NOW = threading.local()


def install() -> None:
    """Put the repairs around moto's S3 events."""
    from moto.events.models import Rule
    from moto.s3 import notifications
    from moto.s3.models import S3Backend

    wrap(S3Backend, "complete_multipart_upload", _complete)
    wrap(S3Backend, "put_object_tagging", _tag)
    wrap(S3Backend, "delete_object", _delete)
    wrap(notifications, "send_event", lambda _: _send)
    wrap(notifications, "_get_s3_event", _record)
    wrap(Rule, "send_to_targets", _explain)


def delivered() -> list[dict[str, str]]:
    """Return every event that reached a destination, oldest first: event, bucket, key, destination."""
    from moto.s3.models import s3_backends

    found = [
        line
        for account in list(s3_backends.values())
        for backend in account.values()
        for bucket in backend.buckets.values()
        for line in memory(bucket).get("delivered", [])
    ]
    return sorted(found, key=lambda line: line["at"])


def announce(bucket: Any, event: str, key: Any) -> None:
    """Send an event of an object to whoever listens, as moto's own operations do."""
    from moto.s3 import notifications

    notifications.send_event(bucket.account_id, notifications.S3NotificationEvent(event), bucket, key)


def _send(account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
    """Deliver to each destination that the event concerns and that still lets S3 in; the others hear nothing."""
    from moto.s3 import notifications

    name, configuration = _name(event_name), bucket.notification_configuration
    if configuration is None or name in getattr(_NOW, "muted", frozenset()):
        return
    for listed, kind in _LISTS.items():
        for target in getattr(configuration, listed):
            if target.matches(name, key.name) and reaches(bucket, kind, target.arn):
                _deliver(kind, target.arn, notifications._get_s3_event(name, bucket, key, target.id))  # noqa: SLF001
                _note(bucket, name, key.name, target.arn)
    # AWS documents that replication events do not reach EventBridge.
    if configuration.event_bridge is not None and not name.startswith("s3:Replication:"):
        _NOW.event = name
        notifications._send_event_bridge_message(account_id, bucket, name, key)  # noqa: SLF001
        _NOW.event = ""
        _note(bucket, name, key.name, "eventbridge")


def _deliver(kind: str, arn: str, event: dict[str, Any]) -> None:
    """Hand an event to a queue or topic; a function is noted as woken, its code does not run."""
    account, region = arn.split(":")[4], arn.split(":")[3]
    if kind == "QueueConfigurations":
        from moto.sqs.models import sqs_backends

        sqs_backends[account][region].send_message(queue_name=arn.split(":")[5], message_body=json.dumps(event))
    elif kind == "TopicConfigurations":
        from moto.sns.models import sns_backends

        sns_backends[account][region].publish(arn=arn, message=json.dumps(event))


def _note(bucket: Any, event: str, key: str, destination: str) -> None:
    line = {"at": f"{time.time_ns():020d}", "event": event, "bucket": bucket.name, "key": key, "to": destination}
    memory(bucket).setdefault("delivered", []).append(line)


@contextmanager
def muted(*events: str) -> Iterator[None]:
    """Keep these events of moto's from being sent in this thread."""
    before: frozenset[str] = getattr(_NOW, "muted", frozenset())
    _NOW.muted = before | set(events)
    try:
        yield
    finally:
        _NOW.muted = before


def _name(event: Any) -> str:
    return str(getattr(event, "value", event))


def _complete(original: Any) -> Any:
    """Make a completed multipart upload one event; moto sends Put and ObjectTagging beside it."""

    def complete(self: Any, *args: Any, **kwargs: Any) -> Any:
        with muted(_PUT, _TAGGED):
            return original(self, *args, **kwargs)

    return complete


def _tag(original: Any) -> Any:
    """Send no tagging event for an upload without tags; moto does."""

    def tag(self: Any, key: Any, tags: Any, *args: Any, **kwargs: Any) -> Any:
        had = key is None or bool(self.tagger.get_tag_dict_for_resource(key.arn))
        with muted(*(() if tags or had else (_TAGGED,))):
            return original(self, key, tags, *args, **kwargs)

    return tag


def _delete(original: Any) -> Any:
    """Send the event of a delete marker; moto sends none."""

    def delete(self: Any, bucket_name: str, key_name: str, version_id: Any = None, bypass: bool = False) -> Any:
        from moto.s3.models import FakeKey

        answer = original(self, bucket_name, key_name, version_id=version_id, bypass=bypass)
        bucket = self.get_bucket(bucket_name)
        if bucket.is_versioned and version_id is None and answer[1].get("delete-marker") == "true":
            versions = reversed(bucket.keys.getlist(key_name))
            key = copy.copy(next((each for each in versions if isinstance(each, FakeKey)), None))
            if key is not None:
                announce(bucket, _MARKER, key)
        return answer

    return delete


def _record(original: Any) -> Any:
    """Keys keep their slashes, versions their id, and records a sequencer."""

    def record(event_name: Any, bucket: Any, key: Any, notification_id: str) -> Any:
        event = original(event_name, bucket, key, notification_id)
        described = event["Records"][0]["s3"]["object"]
        described["key"] = described["key"].replace("%2F", "/")
        described["sequencer"] = f"{time.time_ns():016X}"
        if key.version_id and key.version_id != "null":
            described["versionId"] = key.version_id
        return event

    return record


def _explain(original: Any) -> Any:
    """EventBridge names the API that made the object; moto says ObjectCreated for all."""

    def send(self: Any, original_event: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        name = getattr(_NOW, "event", "")
        if name in _REASONS and original_event.get("source") == "aws.s3":
            detail = original_event["detail"] | {"reason": _REASONS[name], "requester": original_event["account"]}
            detail["object"] = detail["object"] | {"sequencer": f"{time.time_ns():016X}"}
            original_event = original_event | {"detail": detail}
        return original(self, original_event, *args, **kwargs)

    return send
