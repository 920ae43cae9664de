"""Edits of policy documents: add the statements that are missing, grant a service, take back by Sid."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from auditor.edits.edit import Edit, known, listed, mapping
from auditor.edits.statements import Statement, joined, missing, narrowed, same_frame
from auditor.errors import Refused
from auditor.model import Json, Text
from auditor.scope import Scope

VERSION = "2012-10-17"

_INLINE_CHARACTERS = 10_240
_LIMITS: Mapping[str, tuple[Text, int]] = {
    "s3": (Text("a bucket policy", "バケットポリシー"), 20_480),
    "sqs": (Text("a queue policy", "キューポリシー"), 8_192),
    "sns": (Text("a topic policy", "トピックポリシー"), 30_720),
    "kms": (Text("a key policy", "キーポリシー"), 32_768),
    "lambda": (Text("a function policy", "関数ポリシー"), 20_480),
    "dynamodb": (Text("a table policy", "テーブルポリシー"), 20_480),
    "sts": (Text("a trust policy", "信頼ポリシー"), 2_048),
}
_TRUST_QUOTA = 4_096
_STATEMENTS: Mapping[str, int] = {"sqs": 20, "sns": 100}
_DELIVERY: Mapping[str, str] = {"lambda": "lambda:InvokeFunction", "sqs": "sqs:SendMessage", "sns": "sns:Publish"}


_OLD_VERSION = Text(
    "the policy has the old Version, in which the fix's ${…} would be plain text.",
    "ポリシーの Version が古く、修正に使う ${…} がただの文字列として扱われます。",
)
_BY_POLICY_ONLY = Text(
    "nothing is granted on {}: S3 delivers to functions, queues and topics by policy only.",
    "{} には許可を追加しません。S3 からの通知をポリシーで許可できるのは関数・キュー・トピックだけです。",
)
_BYTES = Text("{} of {} bytes would pass AWS's limit of {}.", "{}が {} バイトになり、AWS の上限 {} を超えます。")
_MANY_STATEMENTS = Text(
    "{} of {} statements would pass AWS's limit of {}.", "{}のステートメントが {} 個になり、AWS の上限 {} を超えます。"
)
_INLINE = Text(
    "inline policies of {} characters would pass IAM's limit of {} for a role.",
    "インラインポリシーが合計 {} 文字になり、IAM ロールの上限 {} 文字を超えます。",
)


def _put_statements(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    name = param.get("policy")
    if name is None:
        return _sized(document, with_statements(document, param["statements"]))
    policies = mapping(document, "the role's inline policies")
    others = [one for other, policy in policies.items() if other != name for one in statements_of(policy)]
    new = with_statements(policies.get(name), param["statements"], others)
    if new is None or new == policies.get(name):
        return document
    return _within_role_quota(policies, {**policies, name: new})


def with_statements(policy: Json, wanted: Iterable[Statement], others: Iterable[Statement] = ()) -> Json:
    """Return a policy that gives all wanted statements beside `others`; what is given already is not added again.

    A statement with the same Sid grows when nothing but its actions or resources is missing; else the wanted one gets a
    Sid of its own. No other statement changes, and an absent policy is begun with Version 2012-10-17.
    """
    elsewhere = list(others)
    for statement in wanted:
        held = statements_of(policy)
        actions, resources = missing(statement, [*held, *elsewhere])
        if actions:
            if policy and policy.get("Version") != VERSION and "${" in json.dumps(statement):
                raise Refused("CannotExpress", _OLD_VERSION)
            policy = _with(policy, held, narrowed(statement, actions, resources), statement)
    return policy


def _with(policy: Json, held: list[Statement], lacking: Statement, whole: Statement) -> Json:
    for index, one in enumerate(held):
        if _named_after(one, whole["Sid"]) and same_frame(one, whole):
            grown = joined(one, listed(lacking["Action"]), listed(lacking.get("Resource")))
            grown = grown or joined(one, listed(whole["Action"]), listed(whole.get("Resource")))
            if grown is not None:
                return _with_held(policy, [*held[:index], grown, *held[index + 1 :]])
    return _with_held(policy, [*held, {**lacking, "Sid": _free_sid(whole["Sid"], held)}])


def _with_held(policy: Json, held: list[Statement]) -> dict[str, Json]:
    result = mapping(policy, "the policy") or {"Version": VERSION}
    single = isinstance(result.get("Statement"), Mapping) and len(held) == 1
    result["Statement"] = held[0] if single else held
    return result


def _named_after(one: Statement, sid: str) -> bool:
    rest = str(one.get("Sid", "")).removeprefix(sid)
    return rest != one.get("Sid", "") and (rest == "" or rest.isdecimal())


def _free_sid(sid: str, held: list[Statement]) -> str:
    taken = {one.get("Sid") for one in held}
    return next(name for name in (sid, *(f"{sid}{number}" for number in range(2, len(held) + 3))) if name not in taken)


def statements_of(policy: Json) -> list[Statement]:
    """Return the statements of a policy document, whichever of AWS's forms it has; an absent policy has none."""
    return [mapping(one, "a statement of the policy") for one in listed(mapping(policy, "the policy").get("Statement"))]


def _drop_statements(document: Json, wanted: Json, _scope: Scope) -> Json:
    param = known(wanted)
    name, sids = param.get("policy"), set(param["sids"])
    if name is None:
        return _without(document, sids)
    policies = mapping(document, "the role's inline policies")
    left = _without(policies.get(name), sids)
    if left == policies.get(name):
        return document
    return {key: left if key == name else policy for key, policy in policies.items() if key != name or left is not None}


def _without(policy: Json, sids: set[str]) -> Json:
    held = statements_of(policy)
    kept = [one for one in held if one.get("Sid") not in sids]
    if len(kept) == len(held):
        return policy
    return _with_held(policy, kept) if kept else None


def _permit_service(document: Json, wanted: Json, scope: Scope) -> Json:
    param = known(wanted)
    resource = param["resource"]
    service = resource.split(":")[2] if resource.count(":") >= 5 else ""
    action = param.get("action") or _DELIVERY.get(service)
    if action is None:
        raise Refused("Manual", _BY_POLICY_ONLY.fill(resource))
    condition: dict[str, Json] = {"ArnLike": {"aws:SourceArn": param["source_arn"]}}
    if "source_account" in param:
        condition["StringEquals"] = {"aws:SourceAccount": param["source_account"]}
    statement = {
        "Sid": param["sid"],
        "Effect": "Allow",
        "Principal": {"Service": param["service"]},
        "Action": action,
        "Resource": resource,
        "Condition": condition,
    }
    return _put_statements(document, {"statements": [statement]}, scope)


def _sized(before: Json, after: Json) -> Json:
    """Return the new policy if AWS has room for it.

    Limits: S3, Lambda and DynamoDB 20 KB, SQS 8,192 bytes and 20 statements, SNS 30 KB and 100 statements, KMS 32 KB; a
    trust policy 2,048 characters, or 4,096 where the account's quota was raised, as a longer one proves.
    """
    held = statements_of(after)
    services = {str(action).split(":")[0].lower() for one in held for action in listed(one.get("Action"))}
    for service in sorted(services & set(_LIMITS)):
        what, limit = _LIMITS[service]
        size = _compact(after)
        if service == "sts" and _compact(before) > limit:
            limit = _TRUST_QUOTA
        if size > limit and after != before:
            raise Refused("TooLarge", _BYTES.fill(what, f"{size:,}", f"{limit:,}"))
        most = _STATEMENTS.get(service, len(held))
        if len(held) > most and after != before:
            raise Refused("TooLarge", _MANY_STATEMENTS.fill(what, len(held), most))
    return after


def _within_role_quota(before: Mapping[str, Json], after: Mapping[str, Json]) -> Mapping[str, Json]:
    size = sum(len("".join(json.dumps(policy, ensure_ascii=False).split())) for policy in after.values())
    if size > _INLINE_CHARACTERS and after != before:
        raise Refused("TooLarge", _INLINE.fill(f"{size:,}", f"{_INLINE_CHARACTERS:,}"))
    return after


def _compact(policy: Json) -> int:
    return len(json.dumps(policy, separators=(",", ":"), ensure_ascii=False).encode()) if policy else 0


_SID = {"type": "string", "pattern": r"^[A-Za-z0-9]{1,60}$", "patternErrorMessage": "must be letters and digits"}
_TEXTS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}
_NAME = {"type": "string", "pattern": r"^[\w+=,.@-]{1,128}$"}
_STATEMENT = {
    "type": "object",
    "properties": {
        "Sid": _SID,
        "Effect": {"enum": ["Allow", "Deny"]},
        "Principal": {
            "anyOf": [{"const": "*"}, {"type": "object", "additionalProperties": _TEXTS, "minProperties": 1}],
        },
        "Action": _TEXTS,
        "Resource": _TEXTS,
        "Condition": {"type": "object", "additionalProperties": {"type": "object"}},
    },
    "required": ["Sid", "Effect", "Action"],
    "additionalProperties": False,
}

POLICIES: tuple[Edit, ...] = (
    Edit(
        "put_statements",
        _put_statements,
        {
            "type": "object",
            "properties": {"policy": _NAME, "statements": {"type": "array", "items": _STATEMENT, "minItems": 1}},
            "required": ["statements"],
            "additionalProperties": False,
        },
        Text(
            "Adds to a policy what its statements do not give yet, under Sids of auditor's own; with `policy`, in "
            "the role's "
            "inline policy of that name. Statements of others are never rewritten.",
            "ポリシーにまだ足りない権限だけを、auditor 自身の Sid を付けたステートメントとして追加します。`policy` "
            "を指定すると、その名前の"
            "インラインポリシーに書きます。ほかの人が書いたステートメントは書き換えません。",
        ),
        "{facet: InlinePolicies, put_statements: {policy: auditor-replication, statements: [{Sid: AuditorSource, "
        'Effect: Allow, Action: [s3:ListBucket], Resource: "${source_bucket.Arn}"}]}}',
    ),
    Edit(
        "drop_statements",
        _drop_statements,
        {
            "type": "object",
            "properties": {"policy": _NAME, "sids": {"type": "array", "items": {"type": "string"}, "minItems": 1}},
            "required": ["sids"],
            "additionalProperties": False,
        },
        Text(
            "Removes the statements with these Sids; a policy that is left without any goes too.",
            "指定した Sid のステートメントを取り除きます。ステートメントが残らないポリシーは削除します。",
        ),
        "{facet: Policy, drop_statements: {sids: [AuditorReplication]}}",
    ),
    Edit(
        "permit_service",
        _permit_service,
        {
            "type": "object",
            "properties": {
                "sid": _SID,
                "service": {"type": "string"},
                "resource": {"type": "string"},
                "action": _TEXTS,
                "source_arn": {"type": "string"},
                "source_account": {"type": "string"},
            },
            "required": ["sid", "service", "resource", "source_arn"],
            "additionalProperties": False,
        },
        Text(
            "Lets an AWS service deliver to a function, queue or topic, only for the given source ARN and account; the "
            "action follows from the resource's ARN.",
            "AWS サービスが Lambda 関数・SQS キュー・SNS トピックへ配信できるようにします。送信元の ARN "
            "とアカウントを条件に付け、"
            "アクションはリソースの ARN から決まります。",
        ),
        "{facet: Policy, permit_service: {sid: AuditorDelivery, service: s3.amazonaws.com, "
        'resource: "${consumer.Arn}", source_arn: "${source_bucket.Arn}", source_account: "${source_bucket.Account}"}}',
    ),
)
