"""sqs.queue in CloudFormation: its attributes as the text that SQS answers, and its policy."""

from __future__ import annotations

import json

from auditor.kinds import defaults
from auditor.kinds.declared import ONLY_LIVE, Declared, Spelling, outside
from auditor.kinds.message_keys_cloudformation import key
from auditor.kinds.organizations import RCP
from auditor.kinds.parts import Part, flag, plain, text
from auditor.kinds.policies_cloudformation import whole_policy
from auditor.model import Unread
from auditor.scope import first_unread

_RENAMED = {
    "VisibilityTimeout": "VisibilityTimeout",
    "MaximumMessageSize": "MaximumMessageSize",
    "MessageRetentionPeriod": "MessageRetentionPeriod",
    "DelaySeconds": "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds": "ReceiveMessageWaitTimeSeconds",
    "KmsMasterKeyId": "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds": "KmsDataKeyReusePeriodSeconds",
    "DeduplicationScope": "DeduplicationScope",
    "FifoThroughputLimit": "FifoThroughputLimit",
}
_FLAGS = ("FifoQueue", "ContentBasedDeduplication")
_DOCUMENTS = ("RedrivePolicy", "RedriveAllowPolicy")


def _attributes(declared: Declared) -> Part:
    place = declared.place
    made = {name: Part(value, place) for name, value in defaults.QUEUE.items()}
    made |= {name: Part(ONLY_LIVE, place) for name in defaults.QUEUE_LIVE}
    made["QueueArn"] = Part(declared.arn, place)
    for name, api in _RENAMED.items():
        if (part := declared.read(name)) is not None:
            made[api] = text(part)
    for name in _FLAGS:
        part = declared.read(name)
        if part is not None and (on := flag(part)).value is not False:
            made[name] = text(on)
    for name in _DOCUMENTS:
        if (part := declared.read(name)) is not None:
            made[name] = _encoded(part)
    made["SqsManagedSseEnabled"] = _own_encryption(declared)
    return Part(made, place)


def _encoded(part: Part) -> Part:
    document = plain(part)
    hit = first_unread(document)
    said = hit[1] if hit else document if isinstance(document, str) else json.dumps(document, separators=(",", ":"))
    return Part(said, part.place)


def _own_encryption(declared: Declared) -> Part:
    """Return whether SQS encrypts with its own keys, as new queues do unless they name a key or say otherwise."""
    said, key = declared.read("SqsManagedSseEnabled"), declared.read("KmsMasterKeyId")
    if said is not None:
        return text(flag(said))
    if key is not None:
        return Part(key.unread or ("false" if key.value else "true"), key.place)
    return Part("true", declared.place)


def _policy(declared: Declared) -> Part | Unread | None:
    return whole_policy(declared, "AWS::SQS::QueuePolicy", "AWS::SQS::QueueInlinePolicy")


QUEUE = Spelling(
    types=("AWS::SQS::Queue",),
    facets={"Attributes": _attributes, "Policy": _policy, "Key": key, RCP: outside},
    attached={"AWS::SQS::QueuePolicy": "Queues", "AWS::SQS::QueueInlinePolicy": "Queue"},
)
