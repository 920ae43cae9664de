"""The policies of what an EventBridge rule sends to: the functions, queues and topics among its targets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from auditor.errors import Refused
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target
from auditor.kinds.functions import FUNCTION
from auditor.kinds.queues import QUEUE
from auditor.kinds.topics import TOPIC
from auditor.model import Json, Text, Unread
from auditor.scope import ONLY_LIVE

TARGET_POLICIES = "TargetPolicies"
NOT_TOLD = Unread(
    ONLY_LIVE,
    detail=Text(
        "Whether the rule's targets let it in is read from AWS alone.",
        "ルールの送信先が送信を許可しているかは、AWS からだけ読み取ります。",
    ),
)
"""Why plans and templates do not have the facet: the policies stand at other resources, which may be in other stacks."""

_READ = ("lambda:GetPolicy", "lambda:GetFunctionConfiguration", "sqs:GetQueueAttributes", "sns:GetTopicAttributes")
# Other targets are reached with a role, or have no policy:
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
_GUARDED: Mapping[str, Kind] = MappingProxyType({"lambda": FUNCTION, "sqs": QUEUE, "sns": TOPIC})


def _kind(arn: str) -> Kind | None:
    return _GUARDED.get((arn.split(":") + [""] * 3)[2])


def _at(target: Target, arn: str) -> tuple[Facet, Target]:
    kind = _kind(arn)
    if kind is None:
        raise Refused("CannotExpress", f"{arn} has no policy that auditor knows.")
    return kind.facets["Policy"], Target(kind.name, target.account, target.region, arn)


def _policy(ask: Ask, target: Target, arn: str) -> Json:
    if arn.split(":")[4] != target.account.id:
        detail = Text(f"{arn} lies in another account.", f"{arn} は別のアカウントにあります。")
        return Unread("NotDeclared", detail=detail)
    facet, there = _at(target, arn)
    try:
        return facet.read(ask, there)
    except Refused as refusal:
        return Unread(refusal.reason, refusal.permission, refusal.words)


def _by_arn(document: Json) -> Mapping[str, Json]:
    return {one["Arn"]: one["Policy"] for one in (document or {}).get("Targets", [])}


def _write(target: Target, before: Json, after: Json) -> tuple[Call, ...]:
    old, new = _by_arn(before), _by_arn(after)
    calls: list[Call] = []
    for arn, policy in new.items():
        if policy != old.get(arn):
            facet, there = _at(target, arn)
            if facet.write is not None:
                calls.extend(facet.write(there, old.get(arn), policy))
    return tuple(calls)


def _normal(document: Json) -> Json:
    return {arn: _normal_policy(arn, policy) for arn, policy in _by_arn(document).items()}


def _normal_policy(arn: str, policy: Json) -> Json:
    kind = _kind(arn)
    return policy if kind is None or isinstance(policy, Unread) else kind.facets["Policy"].normal(policy)


def policies_facet(targets: Callable[[Ask, Target], Json]) -> Facet:
    """Return the facet `TargetPolicies` of a rule whose targets are listed so; targets reached by a role are not in it."""

    def read(ask: Ask, target: Target) -> Json:
        let_in = (one["Arn"] for one in targets(ask, target) if not one.get("RoleArn"))
        arns = dict.fromkeys(arn for arn in let_in if _kind(arn))
        return {"Targets": [{"Arn": arn, "Policy": _policy(ask, target, arn)} for arn in arns]}

    return Facet(
        TARGET_POLICIES,
        read,
        ("events:ListTargetsByRule", *_READ),
        Shape("own", fields={"Targets": [{"Arn": "string", "Policy": Shape("policy")}]}),
        ("events:ListTargetsByRule", *_READ),
        _write,
        ("lambda:AddPermission", "lambda:RemovePermission", "sqs:SetQueueAttributes", "sns:SetTopicAttributes"),
        doc=Text(
            "The policies of the functions, queues and topics that the rule sends to, where it needs them.",
            "ルールの送信先となる関数・キュー・トピックのポリシーです（ポリシーによる許可が必要なものだけ）。",
        ),
        normal=_normal,
    )
