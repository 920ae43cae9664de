"""events.rule in CloudFormation: an AWS::Events::Rule with its pattern and its targets."""

from __future__ import annotations

from auditor.kinds.declared import Declared, Spelling
from auditor.kinds.event_targets import NOT_TOLD, TARGET_POLICIES
from auditor.kinds.parts import Part, as_it_is, each, members, policy, same, text, whole

# What a rule sends to its targets may hold secrets, and is left out as it is of what AWS answers.
_SENT = ("Input", "InputPath", "InputTransformer", "HttpParameters")
_TARGET = members(
    {
        **same("Id", "Arn", "RoleArn"),
        "DeadLetterConfig": ("DeadLetterConfig", members(same("Arn"))),
        "RetryPolicy": ("RetryPolicy", members(same("MaximumRetryAttempts", "MaximumEventAgeInSeconds", spell=whole))),
        "SqsParameters": ("SqsParameters", members(same("MessageGroupId"))),
        **same("KinesisParameters", "BatchParameters", spell=as_it_is),
    }
)


def _rule(declared: Declared) -> Part:
    place = declared.place
    bus, _, name = declared.target.id.rpartition("/")
    made = {
        "Name": Part(name, place),
        "Arn": Part(declared.arn, place),
        "EventBusName": Part(bus or "default", place),
        "State": Part("ENABLED", place),
    }
    for one in ("State", "Description", "RoleArn", "ScheduleExpression"):
        if (part := declared.read(one)) is not None:
            made[one] = text(part)
    if (pattern := declared.read("EventPattern")) is not None:
        made["EventPattern"] = policy(pattern)
    return Part(made, place)


def _targets(declared: Declared) -> Part:
    said = declared.read("Targets")
    if said is None:
        return Part([], declared.place)
    return each(_target)(said)


def _target(part: Part) -> Part:
    made = _TARGET(part)
    if not isinstance(made.value, dict):
        return made
    return Part({name: one for name, one in made.value.items() if name not in _SENT}, made.place)


RULE = Spelling(
    types=("AWS::Events::Rule",),
    facets={"Rule": _rule, "Targets": _targets, TARGET_POLICIES: lambda _declared: NOT_TOLD},
)
