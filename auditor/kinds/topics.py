"""sns.topic: its attributes, and its policy."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.errors import Refused
from auditor.kinds.documents import encoded, normal_policy, parsed
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, facets
from auditor.kinds.message_keys import key_facet
from auditor.kinds.names import arn, common, is_arn, resource_of
from auditor.model import Json, Text

# https://docs.aws.amazon.com/sns/latest/api/API_GetTopicAttributes.html; botocore's model has plain text keys.
_ATTRIBUTES = (
    "TopicArn",
    "Owner",
    "DisplayName",
    "SubscriptionsConfirmed",
    "SubscriptionsPending",
    "SubscriptionsDeleted",
    "DeliveryPolicy",
    "EffectiveDeliveryPolicy",
    "KmsMasterKeyId",
    "SignatureVersion",
    "TracingConfig",
    "FifoTopic",
    "FifoThroughputScope",
    "ContentBasedDeduplication",
    "ArchivePolicy",
    "BeginningArchiveTime",
    "DataProtectionPolicy",
)


def _arn(target: Target) -> str:
    return target.id if is_arn(target.id) else arn(target, "sns", target.id)


def _read(ask: Ask, target: Target) -> dict[str, str]:
    return dict(ask(Call("sns", "GetTopicAttributes", {"TopicArn": _arn(target)}))["Attributes"])


def _read_attributes(ask: Ask, target: Target) -> Json:
    return {name: value for name, value in _read(ask, target).items() if name != "Policy"}


def _read_policy(ask: Ask, target: Target) -> Json:
    return parsed(_read(ask, target).get("Policy"), f"The policy of topic {target.id}")


def _write_policy(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
    if after is None:
        raise Refused("CannotExpress", f"Topic {target.id} cannot be without a policy: SNS gives every topic one.")
    params = {"TopicArn": _arn(target), "AttributeName": "Policy", "AttributeValue": encoded(after)}
    return (Call("sns", "SetTopicAttributes", params),)


def _attributes(target: Target) -> Mapping[str, Json]:
    return common(target, resource_of(target.id), _arn(target))


TOPIC = Kind(
    name="sns.topic",
    service="sns",
    attributes=_attributes,
    resource_arn=_arn,
    gone=("NotFound", "NotFoundException"),
    doc=Text("An SNS topic.", "SNS トピックです。"),
    facets=facets(
        Facet(
            "Attributes",
            _read_attributes,
            ("sns:GetTopicAttributes",),
            Shape("own", fields=dict.fromkeys(_ATTRIBUTES, "string")),
            ("sns:GetTopicAttributes",),
            doc=Text(
                "The topic's attributes without its policy, all as text.",
                "ポリシーを除いたトピックの属性です（値はすべて文字列）。",
            ),
        ),
        Facet(
            "Policy",
            _read_policy,
            ("sns:GetTopicAttributes",),
            Shape("policy"),
            ("sns:GetTopicAttributes",),
            _write_policy,
            ("sns:SetTopicAttributes",),
            doc=Text("Who may publish to the topic.", "誰がトピックに発行できるかです。"),
            normal=normal_policy,
        ),
        key_facet(_read, "sns:GetTopicAttributes"),
    ),
)
