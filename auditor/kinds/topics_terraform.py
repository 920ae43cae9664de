"""sns.topic in Terraform: its attributes as the text that SNS answers, and its policy."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE
from auditor.kinds.message_keys_terraform import key
from auditor.kinds.own_policies import topic_policy
from auditor.kinds.parts import Part, flag, lifted, text
from auditor.kinds.planned import Planned, Spelling, empty, given, not_in_plan
from auditor.kinds.policies_terraform import whole_policy
from auditor.model import Unread

POLICY = "aws_sns_topic_policy"

_RENAMED = {
    "display_name": "DisplayName",
    "kms_master_key_id": "KmsMasterKeyId",
    "tracing_config": "TracingConfig",
    "fifo_throughput_scope": "FifoThroughputScope",
    "delivery_policy": "DeliveryPolicy",
}
_KNOWN_LATER = ("SubscriptionsConfirmed", "SubscriptionsPending", "SubscriptionsDeleted", "EffectiveDeliveryPolicy")


def _attributes(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, "aws_sns_topic")
    place = planned.place
    made = {name: Part(ONLY_LIVE, place) for name in _KNOWN_LATER}
    made |= {"TopicArn": Part(planned.arn, place), "Owner": Part(planned.target.account.id, place)}
    for name, api in _RENAMED.items():
        if (part := given(planned, name)) is not None and not empty(part):
            made[api] = text(part)
    signature = given(planned, "signature_version")
    if signature is not None and signature.value not in ("", 0):
        made["SignatureVersion"] = text(signature)
    for name, api in (("fifo_topic", "FifoTopic"), ("content_based_deduplication", "ContentBasedDeduplication")):
        part = given(planned, name)
        if part is not None and (on := flag(part)).value is not False:
            made[api] = text(on)
    return Part(made, place)


def _policy(planned: Planned) -> Part | Unread:
    found = whole_policy(planned, POLICY)
    if found is not None:
        return found
    known = planned.covered or planned.removed(POLICY)
    if not known:
        return not_in_plan(planned, POLICY)
    return lifted(topic_policy(planned.target.account, planned.arn), planned.place)


TOPIC = Spelling(
    types=("aws_sns_topic",),
    facets={"Attributes": _attributes, "Policy": _policy, "Key": key},
    attached={POLICY: "arn"},
    documents={"Policy": (POLICY,)},
)
