"""May this caller do that? Decided by auditor.iam with the policies that moto keeps."""

from __future__ import annotations

import datetime as dt
import functools
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from auditor.iam import Decision, Policies, Policy, PolicyError, Request, decide
from auditor.standin.callers import PARTITION, Caller, find_role, find_user

# A caller whose own policies are not asked: it may do what its account may.
EVERYTHING = ('{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',)
_ALL_POWERFUL = ("root", "administrator")


@dataclass(frozen=True)
class Need:
    """A permission that a call needs: IAM action, resource ARN (or *), the account that owns it, its policy, keys.

    policy: the resource policy as JSON text, bytes or a document; None when there is none.
    """

    action: str
    resource: str
    owner: str
    policy: Any = None
    context: Mapping[str, str] = field(default_factory=dict)


def service_may(service: str, need: Need, source: Any) -> bool:
    """Return whether a resource policy lets an AWS service act on behalf of a bucket, moto's `source`."""
    context = {"aws:SourceArn": source.arn, "aws:SourceAccount": source.account_id}
    return _allowed(service, need, (), context)


def service_trusted(service: str, role: Any) -> bool:
    """Return whether a role's trust policy lets an AWS service assume it, moto's `role`."""
    need = Need("sts:AssumeRole", role.arn, role.account_id, role.assume_role_policy_document)
    return _allowed(service, need, (), {})


def account_may(caller: Caller, need: Need) -> bool:
    """Return whether the caller's account may do it: at home all that nothing denies, elsewhere what it is let.

    The caller's own policies are not asked.
    """
    return _allowed(caller.role_arn, need, EVERYTHING, {})


def judge(caller: Caller, need: Need) -> Decision:
    """Return AWS's decision, by the caller's own policies, boundary and session too; raise PolicyError."""
    boundary = _boundary(caller)
    policies = Policies(
        identity=tuple(map(parsed, identity_policies(caller))),
        resource=parsed(_text(need.policy)) if need.policy else None,
        boundary=parsed(boundary) if boundary else None,
        session=(parsed(caller.session_policy),) if caller.session_policy else (),
    )
    return decide(_request(caller.role_arn, need, {"aws:userid": caller.name or caller.account}), policies)


def identity_policies(caller: Caller) -> tuple[str, ...]:
    """Return the inline, managed and group policies of a caller as JSON texts.

    A root user and an administrator may do everything.
    """
    if caller.kind in _ALL_POWERFUL:
        return EVERYTHING
    holder = _holder(caller)
    if holder is None:
        return ()
    holders = [holder]
    if caller.kind == "user":
        from moto.iam.models import iam_backends

        holders += iam_backends[caller.account][PARTITION].get_groups_for_user(caller.name)
    return tuple(
        _text(document)
        for one in holders
        for document in (*one.policies.values(), *(policy_text(each) for each in one.managed_policies.values()))
    )


def policy_text(managed: Any) -> str:
    """Return the default version of moto's managed policy."""
    versions = managed.versions
    return str(next(each.document for each in versions if each.version_id == managed.default_version_id))


@functools.lru_cache(maxsize=512)
def parsed(text: str) -> Policy:
    """Return a policy document made ready; raise PolicyError."""
    return Policy.parse(text)


def _holder(caller: Caller) -> Any | None:
    return (find_role if caller.kind == "role" else find_user)(caller.account, caller.name)


def _boundary(caller: Caller) -> str | None:
    if caller.kind in _ALL_POWERFUL:
        return None
    boundary = getattr(_holder(caller), "permissions_boundary", None)
    arn = boundary.get("PermissionsBoundaryArn") if isinstance(boundary, dict) else boundary
    if not arn:
        return None
    from moto.iam.models import iam_backends

    return policy_text(iam_backends[caller.account][PARTITION].get_policy(arn))


def _allowed(principal: str, need: Need, identity: tuple[str, ...], context: Mapping[str, str]) -> bool:
    try:
        policies = Policies(
            identity=tuple(map(parsed, identity)), resource=parsed(_text(need.policy)) if need.policy else None
        )
    except PolicyError:
        return False
    return decide(_request(principal, need, context), policies).effect == "allowed"


def _request(principal: str, need: Need, context: Mapping[str, str]) -> Request:
    """Return a request made at this time, from this machine, as if with TLS."""
    always = {
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
        "aws:CurrentTime": dt.datetime.now(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(time.time())),
    }
    known = {**always, **context, **need.context}
    return Request(principal, need.action, need.resource, context=known, resource_account=need.owner)


def _text(policy: Any) -> str:
    if isinstance(policy, bytes):
        return policy.decode()
    return policy if isinstance(policy, str) else json.dumps(policy)
