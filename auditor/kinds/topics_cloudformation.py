"""sns.topic in CloudFormation: its attributes as the text that SNS answers, and its policy."""

from __future__ import annotations

from auditor.kinds.declared import ONLY_LIVE, Declared, Spelling
from auditor.kinds.message_keys_cloudformation import key
from auditor.kinds.parts import Part, flag, lifted, text
from auditor.kinds.policies_cloudformation import whole_policy
from auditor.model import Json, Unread

_RENAMED = ("DisplayName", "KmsMasterKeyId", "SignatureVersion", "TracingConfig", "FifoThroughputScope")
_KNOWN_LATER = ("SubscriptionsConfirmed", "SubscriptionsPending", "SubscriptionsDeleted", "EffectiveDeliveryPolicy")
# What SNS gives to a topic without a policy of its own:
# https://docs.aws.amazon.com/sns/latest/dg/sns-access-policy-use-cases.html
_ACTIONS = (
    "GetTopicAttributes",
    "SetTopicAttributes",
    "AddPermission",
    "RemovePermission",
    "DeleteTopic",
    "Subscribe",
    "ListSubscriptionsByTopic",
    "Publish",
)


def _attributes(declared: Declared) -> Part:
    place = declared.place
    made = {name: Part(ONLY_LIVE, place) for name in _KNOWN_LATER}
    made |= {"TopicArn": Part(declared.arn, place), "Owner": Part(declared.target.account.id, place)}
    for name in _RENAMED:
        if (part := declared.read(name)) is not None:
            made[name] = text(part)
    for name in ("FifoTopic", "ContentBasedDeduplication"):
        part = declared.read(name)
        if part is not None and (on := flag(part)).value is not False:
            made[name] = text(on)
    return Part(made, place)


def _policy(declared: Declared) -> Part | Unread:
    found = whole_policy(declared, "AWS::SNS::TopicPolicy", "AWS::SNS::TopicInlinePolicy")
    return lifted(_own_policy(declared), declared.place) if found is None else found


def _own_policy(declared: Declared) -> Json:
    statement = {
        "Sid": "__default_statement_ID",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": [f"SNS:{action}" for action in _ACTIONS],
        "Resource": declared.arn,
        "Condition": {"StringEquals": {"AWS:SourceOwner": declared.target.account.id}},
    }
    return {"Version": "2008-10-17", "Id": "__default_policy_ID", "Statement": [statement]}


TOPIC = Spelling(
    types=("AWS::SNS::Topic",),
    facets={"Attributes": _attributes, "Policy": _policy, "Key": key},
    attached={"AWS::SNS::TopicPolicy": "Topics", "AWS::SNS::TopicInlinePolicy": "TopicArn"},
)
