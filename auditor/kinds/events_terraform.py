"""events.rule in Terraform: aws_cloudwatch_event_rule with its pattern, and the targets that stand beside it."""

from __future__ import annotations

from auditor.kinds.declared import Attached
from auditor.kinds.event_targets import NOT_TOLD, TARGET_POLICIES
from auditor.kinds.parts import Part, flag, policy, text, whole
from auditor.kinds.planned import Planned, Spelling, empty, fields, given, not_in_plan
from auditor.model import Unread

TARGET = "aws_cloudwatch_event_target"

_TARGET = {
    "target_id": ("Id", text),
    "arn": ("Arn", text),
    "role_arn": ("RoleArn", text),
    "dead_letter_config": ("DeadLetterConfig", fields({"arn": ("Arn", text)})),
    "retry_policy": (
        "RetryPolicy",
        fields(
            {
                "maximum_retry_attempts": ("MaximumRetryAttempts", whole),
                "maximum_event_age_in_seconds": ("MaximumEventAgeInSeconds", whole),
            }
        ),
    ),
    "sqs_target": ("SqsParameters", fields({"message_group_id": ("MessageGroupId", text)})),
    "kinesis_target": ("KinesisParameters", fields({"partition_key_path": ("PartitionKeyPath", text)})),
}


def _rule(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, "aws_cloudwatch_event_rule")
    place = planned.place
    bus, _, name = planned.target.id.rpartition("/")
    made = {
        "Name": Part(name, place),
        "Arn": Part(planned.arn, place),
        "EventBusName": Part(bus or "default", place),
        "State": _state(planned),
    }
    texts = {"description": "Description", "role_arn": "RoleArn", "schedule_expression": "ScheduleExpression"}
    for said, api in texts.items():
        if (part := given(planned, said)) is not None and not empty(part):
            made[api] = text(part)
    pattern = given(planned, "event_pattern")
    if pattern is not None and not empty(pattern):
        made["EventPattern"] = policy(pattern)
    return Part(made, place)


def _state(planned: Planned) -> Part:
    state, enabled = given(planned, "state"), given(planned, "is_enabled")
    if state is not None and not empty(state):
        return text(state)
    on = flag(enabled) if enabled is not None and not empty(enabled) else Part(value=True, place=planned.place)
    return Part(on.unread or ("ENABLED" if on.value else "DISABLED"), on.place)


def _targets(planned: Planned) -> Part | Unread:
    found = [_target(resource) for resource in planned.attached(TARGET)]
    if not planned.covered:
        why = not_in_plan(planned, TARGET)
        return Part([*found, Part(why, planned.place)], planned.place) if found else why
    return Part(found, planned.place)


def _target(resource: Attached) -> Part:
    if resource.doubt:
        return Part(resource.doubt, resource.place)
    # The provider makes an id up where the configuration names none.
    made = {"Id": Part(resource.id, resource.place)}
    for name, (api, spell) in _TARGET.items():
        part = resource.read(name)
        if part is not None and not empty(part) and not (name == "target_id" and part.unread):
            made[api] = part if part.unread else spell(part)
    return Part(made, resource.place)


RULE = Spelling(
    types=("aws_cloudwatch_event_rule",),
    facets={"Rule": _rule, "Targets": _targets, TARGET_POLICIES: lambda _planned: NOT_TOLD},
    attached={TARGET: "rule"},
)
