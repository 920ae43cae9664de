"""Edits that grant exactly what a pipeline's calls lack, and decline where a Deny or a boundary needs a person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from auditor.edits.edit import Edit, known, mapping
from auditor.edits.policies import POLICIES
from auditor.edits.statements import Statement
from auditor.errors import Refused
from auditor.iam import Request
from auditor.model import Json, Text
from auditor.predicates import PREDICATES
from auditor.predicates.access import needs
from auditor.predicates.access_calls import CALLS, Ask
from auditor.predicates.access_verdict import Refusal, Side, refusals
from auditor.scope import Scope

_PUT = next(edit for edit in POLICIES if edit.name == "put_statements")


def _grant_calls(document: Json, wanted: Json, scope: Scope) -> Json:
    param = known(wanted)
    side: Side = "resource" if "policy" not in param else "both" if param.get("side") == "both" else "caller"
    lacking = [one for one in refusals(scope, param["calls"], side) if one.gap is None]
    if not lacking:
        return document
    _decline(lacking, side)
    put: dict[str, Json] = {"statements": list(_statements(lacking, param["sid"], for_resource=side == "resource"))}
    if "policy" in param:
        put["policy"] = param["policy"]
    changed = _PUT.apply(document, put, scope)
    after = _with(scope, _place(lacking[0].ask, side), changed)
    _decline([one for one in refusals(after, param["calls"], side) if one.gap is None], side, granted=True)
    return changed


def _grant_targets(document: Json, wanted: Json, scope: Scope) -> Json:
    lacking = [one for one in refusals(scope, _DELIVERY, "resource") if one.gap is None]
    if not lacking:
        return document
    _decline(lacking, "resource")
    targets = {one["Arn"]: one["Policy"] for one in mapping(document, "the targets' policies")["Targets"]}
    for statement in _statements(lacking, known(wanted)["sid"], for_resource=True):
        arn = statement["Resource"]
        targets[arn] = _PUT.apply(targets[arn], {"statements": [statement]}, scope)
    changed = {"Targets": [{"Arn": arn, "Policy": policy} for arn, policy in targets.items()]}
    after = _with(scope, ("consumer", "TargetPolicies"), changed)
    _decline([one for one in refusals(after, _DELIVERY, "resource") if one.gap is None], "resource", granted=True)
    return changed


_DELIVERY = ("notification",)
_AT = Text("{}: {}", "{}: {}")
_STANDS = Text("{} stands where {} is wanted.", "{} になっています（期待: {}）。")
_ADMIT_S3 = Text(
    "{} encrypts the {}: admit s3.amazonaws.com (kms:GenerateDataKey*, kms:Decrypt) in the policy of a customer managed key.",
    "{1} は {0} で暗号化されています。カスタマーマネージドキーのキーポリシーで s3.amazonaws.com に kms:GenerateDataKey* と "
    "kms:Decrypt を許可してください。",
)
_NEEDS_A_PERSON = Text("{} needs a person: {}", "{} は人の判断が必要です。{}")


def _only_if(document: Json, wanted: Json, scope: Scope) -> Json:
    """Return the document as it is, or raise `Refused` with what a person has to mend first."""
    for name, param in known(wanted).items():
        for one in PREDICATES[name].judge(scope.find("."), param, scope):
            if one.unread is None:
                said = one.note or _STANDS.fill(one.found, one.wanted)
                raise Refused("Manual", _AT.fill(one.route, said))
    return document


def _use_sse_sqs(document: Json, _wanted: Json, scope: Scope) -> Json:
    """Return a queue's attributes with SSE-SQS in place of SQS's own KMS key; a customer's key is a person's decision."""
    key = str(mapping(document, "the attributes").get("KmsMasterKeyId") or "")
    if not key:
        return document
    if scope.me.node.kind != "sqs.queue" or key.rpartition(":")[2] != "alias/aws/sqs":
        raise Refused("Manual", _ADMIT_S3.fill(key, scope.me.node.kind))
    return {**mapping(document, "the attributes"), "KmsMasterKeyId": "", "SqsManagedSseEnabled": "true"}


def _decline(lacking: Iterable[Refusal], side: Side, *, granted: bool = False) -> None:
    """Raise `Refused` where no added Allow helps: an explicit Deny, a boundary, a condition that somebody set."""
    for one in lacking:
        decision = one.decision
        mistaken = side == "resource" and decision.request.service == "sts" and _bound(one)
        if decision.effect == "explicit_deny" or granted or mistaken:
            explained = Text(decision.explain, decision.explain_ja)
            raise Refused("Manual", _NEEDS_A_PERSON.fill(one.ask.action, explained))


def _bound(refusal: Refusal) -> bool:
    """Tell whether a trust policy does name S3, under conditions that do not hold: adding a way around them is no fix."""
    return any(reason.element.startswith("Condition.") for reason in refusal.decision.by)


def _statements(lacking: Iterable[Refusal], sid: str, *, for_resource: bool) -> Iterator[Statement]:
    grouped: dict[str, list[Ask]] = {}
    for one in lacking:
        grouped.setdefault(one.ask.on, []).append(one.ask)
    for resource, asks in grouped.items():
        request = asks[0].variants[0]
        statement: dict[str, Json] = {"Sid": sid, "Effect": "Allow"}
        if for_resource:
            statement["Principal"] = _principal(request)
        actions = [ask.action for ask in asks]
        statement["Action"] = actions[0] if len(actions) == 1 else actions
        if request.service != "sts":
            statement["Resource"] = resource
        condition = _condition(request)
        if condition:
            statement["Condition"] = condition
        yield statement


def _principal(request: Request) -> Json:
    return {"Service" if request.caller.kind == "service" else "AWS": request.principal}


def _condition(request: Request) -> Mapping[str, Json]:
    """Return what keeps the grant to this pipeline: the source of a service's call, the service through which a key is used."""
    told = request.context
    if request.service == "kms" and told.get("kms:ViaService"):
        return {"StringEquals": {"kms:ViaService": told["kms:ViaService"]}}
    if request.caller.kind == "service" and request.service != "sts" and told.get("aws:SourceArn"):
        held: dict[str, Json] = {"ArnLike": {"aws:SourceArn": told["aws:SourceArn"]}}
        # A bucket's ARN names no account; other sources' do, and not every service tells the account besides.
        if told.get("aws:SourceAccount") and not str(told["aws:SourceArn"]).split(":")[4]:
            held["StringEquals"] = {"aws:SourceAccount": told["aws:SourceAccount"]}
        return held
    return {}


def _place(ask: Ask, side: Side) -> tuple[str, str]:
    node, _, facet = (ask.guard if side == "resource" else f"{ask.caller}.InlinePolicies").partition(".")
    return node, facet


def _with(scope: Scope, place: tuple[str, str], document: Json) -> Scope:
    node, facet = place
    held = scope.snapshot.resources[node]
    resources = {**scope.snapshot.resources, node: replace(held, facets={**held.facets, facet: document})}
    return replace(scope, snapshot=replace(scope.snapshot, resources=resources), memo={})


ACCESS: tuple[Edit, ...] = (
    Edit(
        "grant_calls",
        _grant_calls,
        {
            "type": "object",
            "properties": {
                "calls": {"type": "array", "items": {"enum": list(CALLS)}, "minItems": 1},
                "sid": {"type": "string", "pattern": r"^[A-Za-z0-9]{1,60}$"},
                "policy": {"type": "string", "pattern": r"^[\w+=,.@-]{1,128}$"},
                "side": {"enum": ["both"]},
            },
            "required": ["calls", "sid"],
            "additionalProperties": False,
        },
        Text(
            "Grants the actions that these calls of the pipeline lack and nothing more: with `policy` in the calling role's "
            "inline policy of that name, else in the resource's policy. Declines where a Deny, a boundary or a condition "
            "stands against it.",
            "パイプラインのこの呼び出しに足りないアクションだけを許可します。`policy` を指定すると呼び出し元ロールのその名前の"
            "インラインポリシーに、なければリソース側のポリシーに書きます。明示的な Deny、アクセス許可の境界、既存の条件が"
            "妨げている場合は変更しません。",
        ),
        "{facet: InlinePolicies, grant_calls: {calls: [export_writes], sid: AuditorExport, policy: auditor-export}}",
        lambda wanted, at: needs({"side": _judged(wanted), **wanted}, at),
    ),
    Edit(
        "grant_targets",
        _grant_targets,
        {
            "type": "object",
            "properties": {"sid": {"type": "string", "pattern": r"^[A-Za-z0-9]{1,60}$"}},
            "required": ["sid"],
            "additionalProperties": False,
        },
        Text(
            "Lets an EventBridge rule send to those of its targets whose policies do not let it in. Declines where a Deny or a "
            "condition stands against it.",
            "EventBridge ルールを許可していない送信先のポリシーに、このルールからの送信の許可を加えます。"
            "明示的な Deny や既存の条件が妨げている場合は変更しません。",
        ),
        "{facet: TargetPolicies, grant_targets: {sid: AuditorDelivery}}",
        lambda _wanted, at: needs({"calls": "notification", "side": "resource"}, at),
    ),
    Edit(
        "use_sse_sqs",
        _use_sse_sqs,
        {"const": True},
        Text(
            "Encrypts a queue with SSE-SQS instead of the AWS managed key; declines for topics and customer managed keys.",
            "キューの暗号化を AWS マネージドキーから SSE-SQS に切り替えます。"
            "トピックやカスタマーマネージドキーの場合は変更しません。",
        ),
        "{facet: Attributes, use_sse_sqs: true}",
    ),
    Edit(
        "only_if",
        _only_if,
        {"type": "object", "propertyNames": {"enum": list(PREDICATES.rows)}, "minProperties": 1},
        Text(
            "Changes nothing, and declines the whole fix where one of these predicates objects: a person has to mend that.",
            "何も変更せず、この述語のいずれかが成り立たないときに修正全体を見送ります。その場合は人の手による対応が必要です。",
        ),
        "{facet: InlinePolicies, only_if: {usable_keys: exports}}",
        lambda wanted, at: tuple(
            route for name, param in wanted.items() for route in PREDICATES[name].needs(param, at)
        ),
    ),
)


def _judged(wanted: Json) -> Side:
    return "caller" if isinstance(wanted, Mapping) and "policy" in wanted else "resource"
