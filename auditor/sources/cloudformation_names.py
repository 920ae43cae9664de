"""What CloudFormation calls things: the name of each type of resource, and what Ref and GetAtt answer of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from auditor.kinds.names import function_of
from auditor.kinds.parts import Part, text, truth
from auditor.model import EMPTY, Unread

Property = Callable[[str], "Part | None"]
"""Return a property of a resource by a path of names with dots, `None` when it is absent."""

Naming = Callable[[Property, str], "str | Unread | None"]
"""Return the name that AWS will know, given the properties and the text that stands for a generated name.

`None` when CloudFormation makes one up: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-properties-name.html
"""


@dataclass(frozen=True, slots=True)
class Identity:
    """How a type is named, and the forms of what Ref and GetAtt answer.

    A form has holes for `partition`, `domain`, `region`, `account`, `name`, `last` (of a name with slashes) and `path`.
    """

    naming: Naming
    ref: str = "{name}"
    attributes: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    lower: bool = False
    """True when a generated name is all lower case (buckets)."""


def _plain(name: str) -> Naming:
    def naming(read: Property, _generated: str) -> str | Unread | None:
        return _text(read(name))

    return naming


def _text(part: Part | None) -> str | Unread | None:
    if part is None:
        return None
    value = text(part).value
    return value if isinstance(value, str | Unread) else None


def _always_generated(_read: Property, _generated: str) -> None:
    return None


def _queue(name: str, flag: str) -> Naming:
    def naming(read: Property, generated: str) -> str | Unread | None:
        known, fifo = _text(read(name)), read(flag)
        if known is None and fifo is not None:
            # The generated name of a FIFO queue or topic keeps the ending that AWS demands.
            return fifo.unread or (f"{generated}.fifo" if truth(fifo.value) else None)
        return known

    return naming


def _qualified(qualifier: str) -> Naming:
    def naming(read: Property, generated: str) -> str | Unread | None:
        function = _text(read("FunctionName"))
        if not isinstance(function, str):
            return function
        suffix = _text(read(qualifier)) if qualifier else generated
        return suffix if isinstance(suffix, Unread) else f"{function_of(function)[0]}:{suffix}"

    return naming


def _table(read: Property, generated: str) -> str | Unread | None:
    database, table = _text(read("DatabaseName")), _text(read("TableInput.Name"))
    if isinstance(database, Unread) or database is None:
        return database
    # Glue folds the names of the Data Catalog to lower case.
    return table if isinstance(table, Unread) else f"{database}/{table or generated}".lower()


def _rule(read: Property, generated: str) -> str | Unread | None:
    bus, name = _text(read("EventBusName")), _text(read("Name"))
    if isinstance(bus, Unread) or isinstance(name, Unread):
        return bus if isinstance(bus, Unread) else name
    on = (bus or "default").rpartition("event-bus/")[2]
    if on == "default":
        return name
    return f"{on}/{name or generated}"


_REGIONAL = "arn:{partition}:%s:{region}:{account}:%s{name}"
_POLICY = "arn:{partition}:iam::{account}:policy{path}{last}"

IDENTITIES: Mapping[str, Identity] = {
    "AWS::S3::Bucket": Identity(_plain("BucketName"), attributes={"Arn": "arn:{partition}:s3:::{name}"}, lower=True),
    "AWS::DynamoDB::Table": Identity(_plain("TableName"), attributes={"Arn": _REGIONAL % ("dynamodb", "table/")}),
    "AWS::DynamoDB::GlobalTable": Identity(_plain("TableName"), attributes={"Arn": _REGIONAL % ("dynamodb", "table/")}),
    "AWS::IAM::Role": Identity(
        _plain("RoleName"), attributes={"Arn": "arn:{partition}:iam::{account}:role{path}{last}"}
    ),
    "AWS::IAM::ManagedPolicy": Identity(_plain("ManagedPolicyName"), _POLICY, {"PolicyArn": _POLICY}),
    "AWS::Lambda::Function": Identity(_plain("FunctionName"), attributes={"Arn": _REGIONAL % ("lambda", "function:")}),
    "AWS::Lambda::Alias": Identity(
        _qualified("Name"),
        _REGIONAL % ("lambda", "function:"),
        {"AliasArn": _REGIONAL % ("lambda", "function:")},
    ),
    "AWS::Lambda::Version": Identity(
        _qualified(""),
        _REGIONAL % ("lambda", "function:"),
        {"FunctionArn": _REGIONAL % ("lambda", "function:")},
    ),
    "AWS::SQS::Queue": Identity(
        _queue("QueueName", "FifoQueue"),
        "https://sqs.{region}.{domain}/{account}/{name}",
        {
            "Arn": _REGIONAL % ("sqs", ""),
            "QueueName": "{name}",
            "QueueUrl": "https://sqs.{region}.{domain}/{account}/{name}",
        },
    ),
    "AWS::SNS::Topic": Identity(
        _queue("TopicName", "FifoTopic"),
        _REGIONAL % ("sns", ""),
        {"TopicArn": _REGIONAL % ("sns", ""), "TopicName": "{name}"},
    ),
    "AWS::Events::Rule": Identity(_rule, "{bar}", {"Arn": _REGIONAL % ("events", "rule/")}),
    "AWS::Events::EventBus": Identity(
        _plain("Name"), attributes={"Arn": _REGIONAL % ("events", "event-bus/"), "Name": "{name}"}
    ),
    "AWS::KMS::Key": Identity(_always_generated, attributes={"Arn": _REGIONAL % ("kms", "key/"), "KeyId": "{name}"}),
    "AWS::KMS::ReplicaKey": Identity(
        _always_generated, attributes={"Arn": _REGIONAL % ("kms", "key/"), "KeyId": "{name}"}
    ),
    "AWS::KMS::Alias": Identity(_plain("AliasName")),
    "AWS::Glue::Database": Identity(_plain("DatabaseInput.Name")),
    "AWS::Glue::Table": Identity(_table, "{last}"),
    "AWS::CloudWatch::Alarm": Identity(
        _plain("AlarmName"), attributes={"Arn": "arn:{partition}:cloudwatch:{region}:{account}:alarm:{name}"}
    ),
}
"""The types whose names matter to a pipeline; what Ref and GetAtt answer of others is known only after deployment."""


def filled(form: str, name: str, path: str, account: str, region: str, partition: str) -> str:
    """Return a form of `Identity` with its holes filled."""
    domain = "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    last = name.rpartition("/")[2]
    return form.format(
        partition=partition,
        domain=domain,
        region=region,
        account=account,
        name=name,
        last=last,
        path=path,
        # Ref of a rule on a bus of its own is `bus|rule`.
        bar=name.replace("/", "|"),
    )


def generated(name: str, logical: str, *, lower: bool = False) -> bool:
    """Tell whether CloudFormation may have made a name up for a logical id: `stack-LogicalId-RANDOM`, each cut to fit."""
    head = re.escape(logical[:4].lower() if lower else logical[:4])
    return re.fullmatch(rf".+-{head}[A-Za-z0-9]*-[A-Za-z0-9]{{6,}}(\.fifo)?", name, re.IGNORECASE) is not None
