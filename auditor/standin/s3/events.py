"""S3 events as AWS sends them; moto sends wrong ones beside the right and spells keys otherwise."""

from __future__ import annotations

import copy
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from auditor.standin.patch import wrap

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
_MUTED = threading.local()


def install() -> None:
    """Put the repairs around moto's S3 events."""
    from moto.events.models import Rule
    from moto.s3 import notifications
    from moto.s3.models import S3Backend

    wrap(S3Backend, "complete_multipart_upload", _complete)
    wrap(S3Backend, "put_object_tagging", _tag)
    wrap(S3Backend, "delete_object", _delete)
    wrap(notifications, "send_event", _send)
    wrap(notifications, "_get_s3_event", _record)
    wrap(notifications, "_send_event_bridge_message", _remember_event)
    wrap(Rule, "send_to_targets", _explain)


@contextmanager
def _muted(*events: str) -> Iterator[None]:
    before: frozenset[str] = getattr(_MUTED, "events", frozenset())
    _MUTED.events = before | set(events)
    try:
        yield
    finally:
        _MUTED.events = before


def _name(event: Any) -> str:
    return str(getattr(event, "value", event))


def _complete(original: Any) -> Any:
    """Make a completed multipart upload one event; moto sends Put and ObjectTagging beside it."""

    def complete(self: Any, *args: Any, **kwargs: Any) -> Any:
        with _muted(_PUT, _TAGGED):
            return original(self, *args, **kwargs)

    return complete


def _tag(original: Any) -> Any:
    """Send no tagging event for an upload without tags; moto does."""

    def tag(self: Any, key: Any, tags: Any, *args: Any, **kwargs: Any) -> Any:
        had = key is None or bool(self.tagger.get_tag_dict_for_resource(key.arn))
        with _muted(*(() if tags or had else (_TAGGED,))):
            return original(self, key, tags, *args, **kwargs)

    return tag


def _delete(original: Any) -> Any:
    """Send the event of a delete marker; moto sends none."""

    def delete(self: Any, bucket_name: str, key_name: str, version_id: Any = None, bypass: bool = False) -> Any:
        from moto.s3 import notifications
        from moto.s3.models import FakeKey

        answer = original(self, bucket_name, key_name, version_id=version_id, bypass=bypass)
        bucket = self.get_bucket(bucket_name)
        if bucket.is_versioned and version_id is None and answer[1].get("delete-marker") == "true":
            versions = reversed(bucket.keys.getlist(key_name))
            key = copy.copy(next((each for each in versions if isinstance(each, FakeKey)), None))
            if key is not None:
                notifications.send_event(self.account_id, notifications.S3NotificationEvent(_MARKER), bucket, key)
        return answer

    return delete


def _send(original: Any) -> Any:
    def send(account_id: str, event_name: Any, bucket: Any, key: Any) -> Any:
        if _name(event_name) in getattr(_MUTED, "events", frozenset()):
            return None
        return original(account_id, event_name, bucket, key)

    return send


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


def _remember_event(original: Any) -> Any:
    def send(account_id: str, bucket: Any, event_name: Any, key: Any) -> Any:
        # AWS documents that replication events do not reach EventBridge.
        if _name(event_name).startswith("s3:Replication:"):
            return None
        _MUTED.event = _name(event_name)
        try:
            return original(account_id, bucket, event_name, key)
        finally:
            _MUTED.event = ""

    return send


def _explain(original: Any) -> Any:
    """EventBridge names the API that made the object; moto says ObjectCreated for all."""

    def send(self: Any, original_event: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        name = getattr(_MUTED, "event", "")
        if name in _REASONS and original_event.get("source") == "aws.s3":
            detail = original_event["detail"] | {"reason": _REASONS[name], "requester": original_event["account"]}
            detail["object"] = detail["object"] | {"sequencer": f"{time.time_ns():016X}"}
            original_event = original_event | {"detail": detail}
        return original(self, original_event, *args, **kwargs)

    return send
