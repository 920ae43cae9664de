"""sqs.queue in Terraform: its attributes as the text that SQS answers, and its policy."""

from __future__ import annotations

from auditor.kinds import defaults
from auditor.kinds.declared import ONLY_LIVE
from auditor.kinds.message_keys_terraform import key
from auditor.kinds.organizations import RCP
from auditor.kinds.parts import Part, flag, text
from auditor.kinds.planned import Planned, Spelling, elsewhere, empty, given, not_in_plan
from auditor.kinds.policies_terraform import whole_policy
from auditor.model import Unread

POLICY = "aws_sqs_queue_policy"

_RENAMED = {
    "visibility_timeout_seconds": "VisibilityTimeout",
    "max_message_size": "MaximumMessageSize",
    "message_retention_seconds": "MessageRetentionPeriod",
    "delay_seconds": "DelaySeconds",
    "receive_wait_time_seconds": "ReceiveMessageWaitTimeSeconds",
    "kms_master_key_id": "KmsMasterKeyId",
    "kms_data_key_reuse_period_seconds": "KmsDataKeyReusePeriodSeconds",
    "deduplication_scope": "DeduplicationScope",
    "fifo_throughput_limit": "FifoThroughputLimit",
    "redrive_policy": "RedrivePolicy",
    "redrive_allow_policy": "RedriveAllowPolicy",
}
_FLAGS = {"fifo_queue": "FifoQueue", "content_based_deduplication": "ContentBasedDeduplication"}


def _attributes(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, "aws_sqs_queue")
    place = planned.place
    made = {name: Part(value, place) for name, value in defaults.QUEUE.items()}
    made |= {name: Part(ONLY_LIVE, place) for name in defaults.QUEUE_LIVE}
    made["QueueArn"] = Part(planned.arn, place)
    for name, api in _RENAMED.items():
        if (part := given(planned, name)) is not None and not empty(part):
            made[api] = text(part)
    for name, api in _FLAGS.items():
        part = given(planned, name)
        if part is not None and (on := flag(part)).value is not False:
            made[api] = text(on)
    made["SqsManagedSseEnabled"] = _own_encryption(planned)
    return Part(made, place)


def _own_encryption(planned: Planned) -> Part:
    """Return whether SQS encrypts with its own keys, as new queues do unless they name a key or say otherwise."""
    said, named = given(planned, "sqs_managed_sse_enabled"), given(planned, "kms_master_key_id")
    if named is not None and not empty(named):
        return Part(named.unread or "false", named.place)
    return text(flag(said)) if said is not None and not empty(said) else Part("true", planned.place)


def _policy(planned: Planned) -> Part | Unread | None:
    found = whole_policy(planned, POLICY)
    known = planned.covered or planned.attached(POLICY) or planned.removed(POLICY)
    return found if found is not None or known else not_in_plan(planned, POLICY)


QUEUE = Spelling(
    types=("aws_sqs_queue",),
    facets={"Attributes": _attributes, "Policy": _policy, "Key": key, RCP: elsewhere},
    attached={POLICY: "queue_url"},
    documents={"Policy": (POLICY,)},
)
