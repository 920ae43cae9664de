"""SQS attributes as AWS checks and keeps them; moto drops the policy when another attribute is set."""

from __future__ import annotations

import json
from typing import Any

from auditor.standin.patch import wrap

_RANGES = {
    "DelaySeconds": (0, 900),
    "KmsDataKeyReusePeriodSeconds": (60, 86_400),
    "MaximumMessageSize": (1024, 1_048_576),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, 43_200),
}
_FLAGS = ("ContentBasedDeduplication", "FifoQueue", "SqsManagedSseEnabled")
_TEXTS = (
    "Policy",
    "RedrivePolicy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "DeduplicationScope",
    "FifoThroughputLimit",
)


def install() -> None:
    """Repair moto's set_queue_attributes."""
    from moto.sqs.models import SQSBackend

    wrap(SQSBackend, "set_queue_attributes", _set)


def _set(original: Any) -> Any:
    def set_attributes(self: Any, queue_name: str, attributes: dict[str, Any]) -> Any:
        queue = self.get_queue(queue_name)
        for name, value in attributes.items():
            _check(name, value)
        # The two encryptions exclude each other.
        extra: dict[str, Any] = (
            {"KmsMasterKeyId": None} if str(attributes.get("SqsManagedSseEnabled")).lower() == "true" else {}
        )
        if attributes.get("KmsMasterKeyId"):
            extra = {"SqsManagedSseEnabled": "false"}
        before = queue.policy
        answer = original(self, queue_name, attributes | extra)
        if "Policy" not in attributes:
            queue.policy = before
        elif attributes["Policy"] == "":
            queue.policy = None
        return answer

    return set_attributes


def _check(name: str, value: Any) -> None:
    from moto.sqs.exceptions import InvalidAttributeName, InvalidAttributeValue

    if name not in (*_RANGES, *_FLAGS, *_TEXTS):
        raise InvalidAttributeName(name)
    if name in _RANGES:
        low, high = _RANGES[name]
        if not str(value).isdigit() or not low <= int(value) <= high:
            raise InvalidAttributeValue(name)
    if name in _FLAGS and str(value).lower() not in ("true", "false"):
        raise InvalidAttributeValue(name)
    if name in ("Policy", "RedrivePolicy", "RedriveAllowPolicy") and value and not _is_object(value):
        raise InvalidAttributeValue(name)


def _is_object(value: Any) -> bool:
    try:
        return isinstance(json.loads(value), dict)
    except (TypeError, ValueError):
        return False


REPAIRS = (install,)
