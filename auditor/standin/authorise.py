"""Let IAM decide about a call, as AWS does before anything else; moto's own enforcement knows no resources."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from auditor.iam import PolicyError
from auditor.standin.access import judge
from auditor.standin.needs import needs
from auditor.standin.wire import Refusal

if TYPE_CHECKING:
    from auditor.standin.access import Need
    from auditor.standin.callers import Caller
    from auditor.standin.operations import Operation, Request

# service: (code, status) of a refusal; the others answer AccessDenied (XML) or AccessDeniedException (JSON).
_CODES = {"sns": ("AuthorizationError", 403), "cloudwatch": ("AccessDenied", 403), "sqs": ("AccessDenied", 403)}


def authorise(call: Operation, request: Request, caller: Caller | None) -> None:
    """Raise Refusal unless the policies of the caller and of the resource allow all that the call needs."""
    if caller is None:
        raise _unknown_key(call)
    for need in needs(call, request, caller):
        _check(call, need, caller)


def _check(call: Operation, need: Need, caller: Caller) -> None:
    asking = caller
    if need.action == "sts:AssumeRole" and caller.kind == "root":
        # AWS lets no root user assume a role; here the twelve-digit key also stands for an administrator of the
        # account, so that ordinary profiles with role_arn work.
        asking = replace(caller, arn=f"arn:aws:iam::{caller.account}:user/administrator", kind="administrator")
    try:
        decision = judge(asking, need)
    except PolicyError as error:
        raise _denied(call, caller, need, f"a policy cannot be read: {error}") from error
    if decision.effect == "allowed":
        return
    reason = "an explicit deny" if decision.effect == "explicit_deny" else "nothing that allows it"
    raise _denied(call, caller, need, reason)


def _denied(call: Operation, caller: Caller, need: Need, reason: str) -> Refusal:
    text = f"User: {caller.arn} is not authorized to perform: {need.action} on resource: {need.resource} with {reason}"
    json = call.protocol.endswith("json")
    code, status = _CODES.get(call.service, ("AccessDeniedException", 400) if json else ("AccessDenied", 403))
    return Refusal(code, text, status)


def _unknown_key(call: Operation) -> Refusal:
    if call.service in ("s3", "s3control"):
        text = "The AWS Access Key Id you provided does not exist in our records."
        return Refusal("InvalidAccessKeyId", text, 403)
    text = "The security token included in the request is invalid."
    if call.protocol.endswith("json"):
        return Refusal("UnrecognizedClientException", text, 400)
    return Refusal("InvalidClientTokenId", text, 403)
