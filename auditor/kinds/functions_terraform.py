"""lambda.function in Terraform: the function, and the permissions that make up its policy."""

from __future__ import annotations

from collections.abc import Iterator

from auditor.kinds import defaults
from auditor.kinds.declared import ONLY_LIVE, Attached, several
from auditor.kinds.names import function_of
from auditor.kinds.parts import Part, each, flag, lifted, text, whole
from auditor.kinds.planned import Planned, Spelling, empty, fields, given, not_in_plan, one
from auditor.model import Text, Unread

PERMISSION = "aws_lambda_permission"
INVOKE_CONFIG = "aws_lambda_function_event_invoke_config"

_CONFIGURED = {
    "runtime": ("Runtime", text),
    "role": ("Role", text),
    "handler": ("Handler", text),
    "description": ("Description", text),
    "kms_key_arn": ("KMSKeyArn", text),
    "package_type": ("PackageType", text),
    "timeout": ("Timeout", whole),
    "memory_size": ("MemorySize", whole),
    "architectures": ("Architectures", each(text)),
    "ephemeral_storage": ("EphemeralStorage", fields({"size": ("Size", whole)})),
    "tracing_config": ("TracingConfig", fields({"mode": ("Mode", text)})),
    "dead_letter_config": ("DeadLetterConfig", fields({"target_arn": ("TargetArn", text)})),
}
# The conditions that Lambda makes of a permission's fields, as GetPolicy tells them:
# https://docs.aws.amazon.com/lambda/latest/api/API_AddPermission.html
_CONDITIONS = {
    "source_arn": ("ArnLike", "AWS:SourceArn"),
    "source_account": ("StringEquals", "AWS:SourceAccount"),
    "principal_org_id": ("StringEquals", "aws:PrincipalOrgID"),
    "event_source_token": ("StringEquals", "lambda:EventSourceToken"),
    "function_url_auth_type": ("StringEquals", "lambda:FunctionUrlAuthType"),
}


def _configuration(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, "aws_lambda_function")
    place = planned.place
    made = {
        "FunctionName": Part(function_of(planned.target.id)[0], place),
        "FunctionArn": Part(planned.arn, place),
        # Terraform waits until its functions can be invoked.
        "State": Part("Active", place),
        "LastUpdateStatus": Part("Successful", place),
        **{name: Part(ONLY_LIVE, place) for name in defaults.FUNCTION_LIVE},
        **{name: lifted(value, place) for name, value in defaults.FUNCTION.items()},
    }
    for name, (api, spell) in _CONFIGURED.items():
        if (part := given(planned, name)) is not None and not empty(part):
            made[api] = part if part.unread else spell(part)
    return Part(made, place)


def _qualifier(planned: Planned) -> str:
    return function_of(planned.target.id)[1] or planned.target.settings.get("qualifier", "")


def _policy(planned: Planned) -> Part | Unread | None:
    statements = [found for resource in planned.attached(PERMISSION) for found in _statement(planned, resource)]
    if not planned.covered:
        why = not_in_plan(planned, PERMISSION)
        if not statements:
            return why
        statements.append(Part(why, planned.place))
    if all(found.unread for found in statements):
        # Perhaps there is no policy at all.
        return statements[0].unread if statements else None
    place = statements[0].place
    made = {
        "Version": Part("2012-10-17", place),
        "Id": Part("default", place),
        "Statement": Part(statements, place),
    }
    return Part(made, place)


def _statement(planned: Planned, resource: Attached) -> Iterator[Part]:
    """Yield the statement that a permission makes, if it is for this very function, alias or version."""
    place = resource.place
    if resource.doubt:
        yield Part(resource.doubt, place)
        return
    function, qualifier = resource.read("function_name"), resource.read("qualifier")
    said = function_of(function.value)[1] if function is not None and isinstance(function.value, str) else ""
    if qualifier is not None and qualifier.unread:
        yield qualifier
        return
    if (qualifier.value if qualifier is not None and not empty(qualifier) else said) != _qualifier(planned):
        return
    action, principal, sid = (resource.read(name) for name in ("action", "principal", "statement_id"))
    if action is None or principal is None:
        yield Part(
            Unread(
                "Malformed",
                detail=Text(
                    f"{place}: a permission needs action and principal.",
                    f"{place}: 許可には action と principal が必要です。",
                ),
            ),
            place,
        )
        return
    conditions = _conditions(resource)
    made = {
        # The provider makes a Sid up where the configuration names none.
        "Sid": Part(resource.id, place) if sid is None or sid.unread or empty(sid) else sid,
        "Effect": Part("Allow", place),
        "Resource": Part(planned.arn, place),
        "Action": text(action),
        "Principal": _principal(text(principal), planned),
    }
    yield Part(made | ({"Condition": conditions} if conditions is not None else {}), place)


def _principal(part: Part, planned: Planned) -> Part:
    said = part.value
    if not isinstance(said, str) or said == "*":
        return part
    if said.isdecimal() and len(said) == 12:
        root = f"arn:{planned.target.account.partition}:iam::{said}:root"
        return Part({"AWS": Part(root, part.place)}, part.place)
    return Part({"AWS" if said.startswith("arn:") else "Service": part}, part.place)


def _conditions(resource: Attached) -> Part | None:
    made: dict[str, Part] = {}
    for name, (operator, key) in _CONDITIONS.items():
        if (part := resource.read(name)) is not None and not empty(part):
            known = made.setdefault(operator, Part({}, part.place))
            made[operator] = Part({**known.value, key: text(part)}, known.place)
    by_url = resource.read("invoked_via_function_url")
    if by_url is not None and not empty(by_url):
        on = flag(by_url)
        if on.value is not False:
            made["Bool"] = Part({"lambda:InvokedViaFunctionUrl": text(on)}, on.place)
    return Part(made, resource.place) if made else None


def _concurrency(planned: Planned) -> Part | Unread:
    if not planned.covered:
        return not_in_plan(planned, "reserved_concurrent_executions")
    reserved = given(planned, "reserved_concurrent_executions")
    # Terraform writes -1 where no concurrency is reserved.
    if reserved is None or reserved.value in (-1, ""):
        return Part({}, planned.place)
    return Part({"ReservedConcurrentExecutions": whole(reserved)}, reserved.place)


def _invocation(planned: Planned) -> Part | Unread | None:
    mine = [found for found in planned.attached(INVOKE_CONFIG) if _is_for(planned, found) is not False]
    if not mine:
        return None if planned.covered else not_in_plan(planned, INVOKE_CONFIG)
    doubts = (found.doubt or _is_for(planned, found) for found in mine)
    doubt = next((why for why in doubts if isinstance(why, Unread)), None)
    if doubt is not None or len(mine) > 1:
        return doubt or several(mine[0], mine[1])
    resource = mine[0]
    target = fields({"destination": ("Destination", text)})
    rows = {
        "maximum_retry_attempts": ("MaximumRetryAttempts", whole),
        "maximum_event_age_in_seconds": ("MaximumEventAgeInSeconds", whole),
        "destination_config": (
            "DestinationConfig",
            fields({"on_success": ("OnSuccess", target), "on_failure": ("OnFailure", target)}),
        ),
    }
    unqualified = isinstance(planned.arn, str) and not _qualifier(planned)
    arn = Part(f"{planned.arn}:$LATEST" if unqualified else planned.arn, resource.place)
    made = {"FunctionArn": arn, "LastModified": Part(ONLY_LIVE, resource.place)}
    for name, (api, spell) in rows.items():
        part = resource.read(name)
        if part is not None and not empty(part) and not (name.endswith("seconds") and part.value == 0):
            made[api] = part if part.unread else spell(part)
    return Part(made, resource.place)


def _is_for(planned: Planned, resource: Attached) -> bool | Unread:
    """Tell whether a configuration of asynchronous invocations is for this very function, alias or version."""
    part = one(resource.read("qualifier"))
    if part is not None and part.unread:
        return part.unread
    said = text(part).value if part is not None and not empty(part) else "$LATEST"
    return bool(said == (_qualifier(planned) or "$LATEST"))


FUNCTION = Spelling(
    types=("aws_lambda_function", "aws_lambda_alias"),
    facets={
        "Configuration": _configuration,
        "Policy": _policy,
        "Concurrency": _concurrency,
        "EventInvokeConfig": _invocation,
    },
    attached={PERMISSION: "function_name", INVOKE_CONFIG: "function_name"},
)
