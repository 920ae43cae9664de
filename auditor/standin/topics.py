"""SNS topic attributes as AWS checks them; moto sets any attribute to anything."""

from __future__ import annotations

import json
from typing import Any

from auditor.standin.patch import wrap

_NAMES = frozenset(
    [
        "Policy",
        "DisplayName",
        "DeliveryPolicy",
        "KmsMasterKeyId",
        "SignatureVersion",
        "TracingConfig",
        "ContentBasedDeduplication",
        "ArchivePolicy",
        "FifoThroughputScope",
        "ApplicationSuccessFeedbackRoleArn",
        "ApplicationSuccessFeedbackSampleRate",
        "ApplicationFailureFeedbackRoleArn",
        "HTTPSuccessFeedbackRoleArn",
        "HTTPSuccessFeedbackSampleRate",
        "HTTPFailureFeedbackRoleArn",
        "LambdaSuccessFeedbackRoleArn",
        "LambdaSuccessFeedbackSampleRate",
        "LambdaFailureFeedbackRoleArn",
        "FirehoseSuccessFeedbackRoleArn",
        "FirehoseSuccessFeedbackSampleRate",
        "FirehoseFailureFeedbackRoleArn",
        "SQSSuccessFeedbackRoleArn",
        "SQSSuccessFeedbackSampleRate",
        "SQSFailureFeedbackRoleArn",
    ]
)


def install() -> None:
    """Repair moto's set_topic_attributes."""
    from moto.sns.responses import SNSResponse

    wrap(SNSResponse, "set_topic_attributes", _set)


def _set(original: Any) -> Any:
    def respond(self: Any) -> Any:
        from moto.sns.exceptions import SNSInvalidParameter

        name, value = self._get_param("AttributeName"), self._get_param("AttributeValue")
        if name not in _NAMES:
            raise SNSInvalidParameter("Invalid parameter: AttributeName")
        if name == "Policy" and not _is_policy(value):
            raise SNSInvalidParameter("Invalid parameter: Policy Error: null")
        return original(self)

    return respond


def _is_policy(value: Any) -> bool:
    try:
        policy = json.loads(value or "")
    except ValueError:
        return False
    return isinstance(policy, dict) and bool(policy.get("Statement"))


REPAIRS = (install,)
