"""sqs.queue: its attributes, and its policy."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.kinds.documents import encoded, normal_policy, parsed
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, facets
from auditor.kinds.message_keys import key_facet
from auditor.kinds.names import arn, common, is_arn, resource_of
from auditor.kinds.organizations import RCP_FACET
from auditor.model import Json, Text

WRITABLE = ("KmsMasterKeyId", "KmsDataKeyReusePeriodSeconds", "SqsManagedSseEnabled")


def _name(target: Target) -> str:
    return target.id.rpartition("/")[2] if target.id.startswith("https://") else resource_of(target.id)


def _arn(target: Target) -> str:
    return target.id if is_arn(target.id) else arn(target, "sqs", _name(target))


def _url(target: Target) -> str:
    """Return the queue's URL, which AWS makes of Region, account and name."""
    if target.id.startswith("https://"):
        return target.id
    domain = "amazonaws.com.cn" if target.account.partition == "aws-cn" else "amazonaws.com"
    account = target.id.split(":")[4] if is_arn(target.id) else target.account.id
    return f"https://sqs.{target.region}.{domain}/{account}/{_name(target)}"


def _read(ask: Ask, target: Target) -> dict[str, str]:
    call = Call("sqs", "GetQueueAttributes", {"QueueUrl": _url(target), "AttributeNames": ["All"]})
    return dict(ask(call)["Attributes"])


def _read_attributes(ask: Ask, target: Target) -> Json:
    return {name: value for name, value in _read(ask, target).items() if name != "Policy"}


def _write_attributes(target: Target, before: Json, after: Json) -> tuple[Call, ...]:
    old, new = before or {}, {"KmsMasterKeyId": "", **(after or {})}
    # An empty text takes the key away; an attribute that is not named stays.
    changed = {name: str(new[name]) for name in WRITABLE if name in new and new[name] != old.get(name, "")}
    if changed.get("KmsMasterKeyId"):
        # A key switches SQS's own encryption off; naming both at once is refused.
        changed.pop("SqsManagedSseEnabled", None)
    return _set(target, changed) if changed else ()


def _normal_attributes(document: Json) -> Json:
    known = document or {}
    key = known.get("KmsMasterKeyId", "")
    return {"Key": key, "Managed": str(known.get("SqsManagedSseEnabled", "false")).lower() == "true" and not key}


def _read_policy(ask: Ask, target: Target) -> Json:
    return parsed(_read(ask, target).get("Policy"), f"The policy of queue {_name(target)}")


def _write_policy(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
    return _set(target, {"Policy": "" if after is None else encoded(after)})


def _set(target: Target, attributes: Mapping[str, str]) -> tuple[Call, ...]:
    return (Call("sqs", "SetQueueAttributes", {"QueueUrl": _url(target), "Attributes": dict(attributes)}),)


def _attributes(target: Target) -> Mapping[str, Json]:
    return common(target, _name(target), _arn(target))


QUEUE = Kind(
    name="sqs.queue",
    service="sqs",
    attributes=_attributes,
    resource_arn=_arn,
    gone=("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist", "NonExistentQueue"),
    doc=Text("An SQS queue.", "SQS キューです。"),
    facets=facets(
        Facet(
            "Attributes",
            _read_attributes,
            ("sqs:GetQueueAttributes",),
            Shape("api", "sqs", "GetQueueAttributes", "Attributes", {"Policy": None}),
            ("sqs:GetQueueAttributes",),
            _write_attributes,
            ("sqs:SetQueueAttributes",),
            doc=Text(
                "The queue's attributes without its policy, all as text; only its encryption can be written.",
                "ポリシーを除いたキューの属性です（値はすべて文字列）。書き込めるのは暗号化だけです。",
            ),
            normal=_normal_attributes,
        ),
        Facet(
            "Policy",
            _read_policy,
            ("sqs:GetQueueAttributes",),
            Shape("policy"),
            ("sqs:GetQueueAttributes",),
            _write_policy,
            ("sqs:SetQueueAttributes",),
            doc=Text("Who may send to the queue.", "誰がキューに送信できるかです。"),
            normal=normal_policy,
        ),
        key_facet(_read, "sqs:GetQueueAttributes"),
        RCP_FACET,
    ),
)
