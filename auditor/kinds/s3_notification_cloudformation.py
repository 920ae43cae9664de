"""s3.bucket in CloudFormation: notifications, of the bucket itself (one event an entry) and of the CDK's custom resource."""

from __future__ import annotations

from collections.abc import Callable

from auditor.kinds.declared import Attached, Declared
from auditor.kinds.parts import Part, Spell, as_it_is, at, each, flag, members, same, text, truth
from auditor.model import Text, Unread

CDK = "Custom::S3BucketNotifications"

_FILTER = members(
    {"S3Key": ("Key", members({"Rules": ("FilterRules", each(members(same("Name", "Value"))))}))},
)
_LISTS = {
    "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
    "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
    "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
}


def _event(part: Part) -> Part:
    """Return the one event of an entry as the API's list."""
    return Part([text(part)], part.place)


def _entry(said: str, arn: str) -> Spell:
    return members({"Event": ("Events", _event), said: (arn, text), "Filter": ("Filter", _FILTER)})


_OWN = members(
    {name: (api, each(_entry(said, arn))) for name, (api, said, arn) in _LISTS.items()}
    | {"EventBridgeConfiguration": ("EventBridgeConfiguration", as_it_is)}
)
# The CDK's handler passes its property on to PutBucketNotificationConfiguration.
_PASSED_ON = members(
    {
        api: (api, each(members({**same("Id", arn), "Events": ("Events", each(text)), "Filter": ("Filter", as_it_is)})))
        for api, _, arn in _LISTS.values()
    }
    | {"EventBridgeConfiguration": ("EventBridgeConfiguration", as_it_is)}
)


def notification(declared: Declared) -> Part | Unread | None:
    """Return whom the bucket tells of what, in the API's shape; an empty document: nobody."""
    said, custom = declared.read("NotificationConfiguration"), declared.attached(CDK)
    doubt = next((one.doubt for one in custom if one.doubt), None)
    if len(custom) > 1 or (said is not None and custom):
        first = said.place if said else custom[1].place
        detail = Text(
            f"{first} and {custom[0].place} both write the notifications.",
            f"{first} と {custom[0].place} の両方が通知設定を書いています。",
        )
        return doubt or Unread("SeveralWriters", detail=detail)
    if custom:
        return doubt or _passed_on(custom[0])
    if said is None:
        return Part({}, declared.place)
    return _with_eventbridge(_OWN(said), lambda inner: at(inner, "EventBridgeEnabled"))


def _passed_on(custom: Attached) -> Part:
    said, managed = custom.read("NotificationConfiguration"), custom.read("Managed")
    made = _PASSED_ON(said) if said is not None else Part({}, custom.place)
    made = _with_eventbridge(made, lambda _inner: None)
    if managed is not None and truth(managed.value) is not True and isinstance(made.value, dict):
        # For a bucket that the app did not make, the handler keeps what stands there already.
        others = Part(
            Unread(
                "NotInTemplate",
                detail=Text("What the bucket already tells others stays.", "バケットの既存の通知設定は残ります。"),
            ),
            custom.place,
        )
        lists = {api: Part([*_items(made.value.get(api)), others], custom.place) for api, _, _ in _LISTS.values()}
        return Part({"EventBridgeConfiguration": others, **made.value, **lists}, made.place)
    return made


def _items(part: Part | None) -> list[Part]:
    return part.items() if part is not None else []


def _with_eventbridge(made: Part, switch: Callable[[Part], Part | None]) -> Part:
    """Return the document with EventBridge as the API says it: an empty mapping when it is on, nothing when it is off."""
    said = made.value.get("EventBridgeConfiguration") if isinstance(made.value, dict) else None
    if said is None:
        return made
    enabled = switch(said)
    on = said if said.unread else flag(enabled) if enabled is not None else Part(value=True, place=said.place)
    rest = {name: one for name, one in made.value.items() if name != "EventBridgeConfiguration"}
    if on.unread:
        return Part({**rest, "EventBridgeConfiguration": on}, made.place)
    return Part({**rest, "EventBridgeConfiguration": Part({}, said.place)} if on.value else rest, made.place)
