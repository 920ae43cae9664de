"""lambda.function: configuration (never its environment), resource policy, concurrency and asynchronous invocation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auditor.errors import Refused
from auditor.kinds.documents import canonical, listed, normal_policy, parsed
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, answer, facets
from auditor.kinds.names import arn, common, resource_of
from auditor.model import Json, Text

_MISSING = ("ResourceNotFoundException",)
# AddPermission's parameters and the conditions that Lambda makes of them:
# https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
_CONDITIONS = {
    ("arnlike", "aws:sourcearn"): "SourceArn",
    ("stringequals", "aws:sourceaccount"): "SourceAccount",
    ("stringequals", "aws:principalorgid"): "PrincipalOrgID",
    ("stringequals", "lambda:eventsourcetoken"): "EventSourceToken",
    ("stringequals", "lambda:functionurlauthtype"): "FunctionUrlAuthType",
}


def _named(target: Target) -> tuple[str, str]:
    """Return a function's name and its qualifier (alias or version; empty when the function itself is meant)."""
    name, _, qualifier = resource_of(target.id).removeprefix("function:").partition(":")
    qualifier = qualifier or target.settings.get("qualifier", "")
    # Lambda keeps no policy for $LATEST: the function's own counts.
    return name, "" if qualifier == "$LATEST" else qualifier


def _arn(target: Target) -> str:
    name, qualifier = _named(target)
    return arn(target, "lambda", f"function:{name}" + (f":{qualifier}" if qualifier else ""))


def _function(target: Target, operation: str, *, qualified: bool = True, **params: Json) -> Call:
    name, qualifier = _named(target)
    which = {"Qualifier": qualifier} if qualified and qualifier else {}
    return Call("lambda", operation, {"FunctionName": name, **which, **params})


def _read_configuration(ask: Ask, target: Target) -> Json:
    found = ask(_function(target, "GetFunctionConfiguration"))
    # Environment variables hold secrets, and their errors quote them.
    return {name: value for name, value in found.items() if name != "Environment"}


def _read_policy(ask: Ask, target: Target) -> Json:
    found = answer(ask, _function(target, "GetPolicy"), absent=_MISSING)
    if found is None:
        # The same code means "no policy" and "no such function": only a function that is there is without a policy.
        ask(_function(target, "GetFunctionConfiguration"))
        return None
    return parsed(found["Policy"], f"The policy of function {target.id}")


def _statements(document: Json) -> list[Json]:
    return listed((document or {}).get("Statement"))


def _write_policy(target: Target, before: Json, after: Json) -> tuple[Call, ...]:
    old = {_meaning(one): one for one in _statements(before)}
    new = {_meaning(one): one for one in _statements(after)}
    gone = [one for meaning, one in old.items() if meaning not in new]
    added = [one for meaning, one in new.items() if meaning not in old]
    # A statement id is taken until its statement is gone.
    return (*_removals(target, gone), *(_addition(target, one) for one in added))


def _meaning(statement: Json) -> str:
    return canonical(normal_policy({"Statement": [statement]}))


def _removals(target: Target, statements: list[Json]) -> Iterator[Call]:
    for statement in statements:
        yield _function(target, "RemovePermission", StatementId=_sid(statement))


def _sid(statement: Json) -> str:
    sid = statement.get("Sid")
    if not sid:
        raise Refused("CannotExpress", "A statement of a function's policy needs a Sid: Lambda adds and removes by it.")
    return str(sid)


def _addition(target: Target, statement: Json) -> Call:
    if statement.get("Effect") != "Allow" or not set(statement) <= {
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "Resource",
        "Condition",
    }:
        raise _inexpressible(statement, "it is not a plain Allow")
    actions, resources = listed(statement.get("Action")), listed(statement.get("Resource"))
    if len(actions) != 1 or resources not in ([], [_arn(target)]):
        raise _inexpressible(statement, "it must name one action and this very function")
    params = {"StatementId": _sid(statement), "Action": actions[0], "Principal": _principal(statement)}
    return _function(target, "AddPermission", **params, **_conditions(statement))


def _principal(statement: Json) -> str:
    principal = statement.get("Principal")
    if principal == "*":
        return "*"
    values = [value for part in principal.values() for value in listed(part)] if isinstance(principal, Mapping) else []
    if len(values) != 1 or not set(principal or {}) <= {"Service", "AWS"}:
        raise _inexpressible(statement, "it must name one principal")
    return str(values[0])


def _conditions(statement: Json) -> dict[str, Json]:
    normal = normal_policy({"Statement": [statement]})["Statement"][0].get("Condition", {})
    params = {}
    for operator, keys in normal.items():
        for key, values in keys.items() if isinstance(keys, Mapping) else ():
            parameter = _CONDITIONS.get((operator, key))
            if parameter is None or len(values) != 1:
                raise _inexpressible(statement, f"it has no parameter for the condition {operator} {key}")
            params[parameter] = values[0]
    return params


def _inexpressible(statement: Json, reason: str) -> Refused:
    said = statement.get("Sid", "without Sid") if isinstance(statement, Mapping) else "?"
    return Refused("CannotExpress", f"AddPermission cannot express the statement {said}: {reason}.")


def _normal_policy(document: Json) -> Json:
    return None if not _statements(document) else normal_policy({"Statement": _statements(document)})["Statement"]


def _read_concurrency(ask: Ask, target: Target) -> Json:
    return ask(_function(target, "GetFunctionConcurrency", qualified=False))


def _read_invocation(ask: Ask, target: Target) -> Json:
    found = answer(ask, _function(target, "GetFunctionEventInvokeConfig"), absent=_MISSING)
    if found is None:
        ask(_function(target, "GetFunctionConfiguration"))
    return found


def _attributes(target: Target) -> Mapping[str, Json]:
    name, qualifier = _named(target)
    return {**common(target, name, _arn(target)), **({"Qualifier": qualifier} if qualifier else {})}


FUNCTION = Kind(
    name="lambda.function",
    service="lambda",
    attributes=_attributes,
    resource_arn=_arn,
    gone=("ResourceNotFoundException",),
    doc=Text(
        "A Lambda function, or one alias of it (`name:alias`).",
        "Lambda 関数、またはそのエイリアス（`name:alias`）です。",
    ),
    facets=facets(
        Facet(
            "Configuration",
            _read_configuration,
            ("lambda:GetFunctionConfiguration",),
            Shape("api", "lambda", "GetFunctionConfiguration", fields={"Environment": None}),
            ("lambda:GetFunctionConfiguration",),
            doc=Text("The function without its environment variables.", "環境変数を除いた関数の設定です。"),
        ),
        Facet(
            "Policy",
            _read_policy,
            ("lambda:GetPolicy", "lambda:GetFunctionConfiguration"),
            Shape("policy"),
            ("lambda:GetPolicy", "lambda:GetFunctionConfiguration"),
            _write_policy,
            ("lambda:AddPermission", "lambda:RemovePermission"),
            doc=Text("Who may invoke the function.", "誰が関数を呼び出せるかです。"),
            normal=_normal_policy,
        ),
        Facet(
            "Concurrency",
            _read_concurrency,
            ("lambda:GetFunctionConcurrency",),
            Shape("api", "lambda", "GetFunctionConcurrency"),
            ("lambda:GetFunctionConcurrency",),
            doc=Text(
                "Reserved concurrency; an empty document means none.", "予約済み同時実行数です。空なら予約なしです。"
            ),
        ),
        Facet(
            "EventInvokeConfig",
            _read_invocation,
            ("lambda:GetFunctionEventInvokeConfig", "lambda:GetFunctionConfiguration"),
            Shape("api", "lambda", "GetFunctionEventInvokeConfig"),
            ("lambda:GetFunctionEventInvokeConfig", "lambda:GetFunctionConfiguration"),
            doc=Text("Retries and destinations of asynchronous invocations.", "非同期呼び出しの再試行と送信先です。"),
        ),
    ),
)
