"""lambda.function in CloudFormation: the function, and the permissions that make up its policy."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.kinds import defaults
from auditor.kinds.declared import ONLY_LIVE, Attached, Declared, Spelling, several
from auditor.kinds.names import function_of
from auditor.kinds.parts import Part, each, flag, lifted, members, same, text, whole
from auditor.model import Text, Unread

PERMISSION = "AWS::Lambda::Permission"
INVOKE_CONFIG = "AWS::Lambda::EventInvokeConfig"

_CONFIGURED = {
    **same("Runtime", "Role", "Handler", "Description", "PackageType"),
    "KmsKeyArn": ("KMSKeyArn", text),
    **same("Timeout", "MemorySize", spell=whole),
    **same("Architectures", spell=each(text)),
    **same("EphemeralStorage", spell=members(same("Size", spell=whole))),
    **same("TracingConfig", spell=members(same("Mode"))),
    **same("DeadLetterConfig", spell=members(same("TargetArn"))),
}
# The conditions that Lambda makes of a permission's fields, as GetPolicy tells them:
# https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
_CONDITIONS = {
    "SourceArn": ("ArnLike", "AWS:SourceArn"),
    "SourceAccount": ("StringEquals", "AWS:SourceAccount"),
    "PrincipalOrgID": ("StringEquals", "aws:PrincipalOrgID"),
    "EventSourceToken": ("StringEquals", "lambda:EventSourceToken"),
    "FunctionUrlAuthType": ("StringEquals", "lambda:FunctionUrlAuthType"),
}


def _configuration(declared: Declared) -> Part:
    place = declared.place
    made = {
        "FunctionName": Part(function_of(declared.target.id)[0], place),
        "FunctionArn": Part(declared.arn, place),
        # A stack is complete only when its functions can be invoked.
        "State": Part("Active", place),
        "LastUpdateStatus": Part("Successful", place),
        **{name: Part(ONLY_LIVE, place) for name in defaults.FUNCTION_LIVE},
        **{name: lifted(value, place) for name, value in defaults.FUNCTION.items()},
    }
    for name, (api, spell) in _CONFIGURED.items():
        if (part := declared.read(name)) is not None:
            made[api] = part if part.unread else spell(part)
    return Part(made, place)


def _qualifier(declared: Declared) -> str:
    return function_of(declared.target.id)[1] or declared.target.settings.get("qualifier", "")


def _policy(declared: Declared) -> Part | Unread | None:
    statements = [one for attached in declared.attached(PERMISSION) for one in _statement(declared, attached)]
    if all(one.unread for one in statements):
        # Perhaps there is no policy at all.
        return statements[0].unread if statements else None
    place = statements[0].place
    made = {
        "Version": Part("2012-10-17", place),
        "Id": Part("default", place),
        "Statement": Part(statements, place),
    }
    return Part(made, place)


def _statement(declared: Declared, attached: Attached) -> Iterator[Part]:
    """Yield the statement that a permission makes, if it is for this very function, alias or version."""
    if attached.doubt:
        yield Part(attached.doubt, attached.place)
        return
    function = attached.read("FunctionName")
    if function is None or not isinstance(function.value, str):
        yield Part((function and function.unread) or Unread("Malformed"), attached.place)
        return
    if function_of(function.value)[1] != _qualifier(declared):
        return
    made = {
        "Sid": Part(attached.id, attached.place),
        "Effect": Part("Allow", attached.place),
        "Resource": Part(declared.arn, attached.place),
    }
    action, principal = attached.read("Action"), attached.read("Principal")
    if action is None or principal is None:
        yield Part(
            Unread(
                "Malformed",
                detail=Text(
                    f"{attached.place}: a permission needs Action and Principal.",
                    f"{attached.place}: 許可には Action と Principal が必要です。",
                ),
            ),
            attached.place,
        )
        return
    conditions = _conditions(attached)
    made |= {"Action": text(action), "Principal": _principal(text(principal), declared)}
    yield Part(made | ({"Condition": conditions} if conditions is not None else {}), attached.place)


def _principal(part: Part, declared: Declared) -> Part:
    said = part.value
    if not isinstance(said, str) or said == "*":
        return part
    if said.isdecimal() and len(said) == 12:
        root = f"arn:{declared.target.account.partition}:iam::{said}:root"
        return Part({"AWS": Part(root, part.place)}, part.place)
    return Part({"AWS" if said.startswith("arn:") else "Service": part}, part.place)


def _conditions(attached: Attached) -> Part | None:
    made: dict[str, Part] = {}
    for name, (operator, key) in _CONDITIONS.items():
        if (part := attached.read(name)) is not None:
            known = made.setdefault(operator, Part({}, part.place))
            made[operator] = Part({**known.value, key: text(part)}, known.place)
    by_url = attached.read("InvokedViaFunctionUrl")
    if by_url is not None:
        on = flag(by_url)
        made["Bool"] = Part({"lambda:InvokedViaFunctionUrl": text(on)}, on.place)
    return Part(made, attached.place) if made else None


def _concurrency(declared: Declared) -> Part:
    reserved = declared.read("ReservedConcurrentExecutions")
    if reserved is None:
        return Part({}, declared.place)
    return Part({"ReservedConcurrentExecutions": whole(reserved)}, reserved.place)


def _invocation(declared: Declared) -> Part | Unread | None:
    mine = [one for one in declared.attached(INVOKE_CONFIG) if _is_for(declared, one) is not False]
    if not mine:
        return None
    doubt = next((found for one in mine if isinstance(found := one.doubt or _is_for(declared, one), Unread)), None)
    if doubt is not None or len(mine) > 1:
        return doubt or several(mine[0], mine[1])
    one = mine[0]
    target = members(same("OnSuccess", "OnFailure", spell=members(same("Destination"))))
    rows = {
        **same("MaximumRetryAttempts", "MaximumEventAgeInSeconds", spell=whole),
        "DestinationConfig": ("DestinationConfig", target),
    }
    said = {name: (row[1], part) for name, row in rows.items() if (part := one.read(name)) is not None}
    unqualified = isinstance(declared.arn, str) and not _qualifier(declared)
    arn = f"{declared.arn}:$LATEST" if unqualified else declared.arn
    made = {name: part if part.unread else spell(part) for name, (spell, part) in said.items()}
    made |= {"FunctionArn": Part(arn, one.place), "LastModified": Part(ONLY_LIVE, one.place)}
    return Part(made, one.place)


def _is_for(declared: Declared, attached: Attached) -> bool | Unread:
    """Tell whether a configuration of asynchronous invocations is for this very function, alias or version."""
    part = attached.read("Qualifier")
    if part is not None and part.unread:
        return part.unread
    said = text(part).value if part is not None else "$LATEST"
    return bool(said == (_qualifier(declared) or "$LATEST"))


FUNCTION = Spelling(
    types=("AWS::Lambda::Function", "AWS::Lambda::Alias"),
    facets={
        "Configuration": _configuration,
        "Policy": _policy,
        "Concurrency": _concurrency,
        "EventInvokeConfig": _invocation,
    },
    attached={PERMISSION: "FunctionName", INVOKE_CONFIG: "FunctionName"},
)
