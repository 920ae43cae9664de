"""s3.bucket in Terraform: aws_s3_bucket_notification, with one filter_prefix and one filter_suffix an entry."""

from __future__ import annotations

from functools import partial

from auditor.kinds.declared import Attached
from auditor.kinds.parts import Part, each, flag, malformed, text
from auditor.kinds.planned import empty, fields

NOTIFICATION = "aws_s3_bucket_notification"

_LISTS = {
    "lambda_function": ("LambdaFunctionConfigurations", "lambda_function_arn", "LambdaFunctionArn"),
    "queue": ("QueueConfigurations", "queue_arn", "QueueArn"),
    "topic": ("TopicConfigurations", "topic_arn", "TopicArn"),
}


def notification(resource: Attached) -> Part:
    """Return whom the bucket tells of what, in the API's shape; an empty document: nobody."""
    made: dict[str, Part] = {}
    for name, (api, said, arn) in _LISTS.items():
        listed = resource.read(name)
        if listed is not None and not empty(listed):
            made[api] = each(partial(_entry, said=said, arn=arn))(listed)
    bridge = resource.read("eventbridge")
    on = flag(bridge) if bridge is not None else None
    if on is not None and (on.unread or on.value):
        made["EventBridgeConfiguration"] = on if on.unread else Part({}, on.place)
    return Part(made, resource.place)


def _entry(part: Part, said: str, arn: str) -> Part:
    if not isinstance(part.value, dict):
        return part if part.unread else malformed(part, "a block")
    rest = {name: member for name, member in part.value.items() if not name.startswith("filter_")}
    made = fields({"id": ("Id", text), said: (arn, text), "events": ("Events", each(text))}, own=("id",))
    rules = [
        Part({"Name": Part(name, value.place), "Value": value if value.unread else text(value)}, value.place)
        for name in ("prefix", "suffix")
        if (value := part.value.get(f"filter_{name}")) is not None and not empty(value)
    ]
    spelled = made(Part(rest, part.place))
    if not rules or not isinstance(spelled.value, dict):
        return spelled
    key = Part({"Key": Part({"FilterRules": Part(rules, part.place)}, part.place)}, part.place)
    return Part({**spelled.value, "Filter": key}, part.place)
