"""Request: who asks to do what to which resource, and what is known of the circumstances."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from auditor.iam.callers import Caller, account_of, caller
from auditor.iam.facts import Facts, Value, facts
from auditor.iam.once import once

__all__ = ["Request"]

# AWS sets these in every request, and nobody knows them before it is made.
_CLOCK = frozenset({"aws:currenttime", "aws:epochtime"})
# An ARN does not tell the unique id that AWS puts into aws:userid.
_SET_BY_AWS = _CLOCK | {"aws:userid"}
_WITH_ID = frozenset({"role", "session", "user", "federated_user"})
_TYPES: Mapping[str, str] = {
    "role": "AssumedRole",
    "session": "AssumedRole",
    "user": "User",
    "root": "Account",
    "federated_user": "FederatedUser",
    "anonymous": "Anonymous",
}


@dataclass(frozen=True)
class Request:
    """One request to AWS.

    `principal` is the ARN of a role (some session of it), a session, a user, an account root or an identity provider;
    a service name such as `s3.amazonaws.com`; or `*` for nobody in particular. `resource` is an ARN, or `*` where the
    action knows no resource. Accounts are read from the ARNs where they are not given; a resource whose account nothing
    tells (S3 ARNs carry none) is taken to be in the caller's own.

    `context` has the known condition keys (any case; scalar or list), `absent` those known not to be there,
    `unknowable` those whose value nobody can know beforehand (`*` is a wildcard), `one_of` those that will have one of
    a few values (None: or be absent). Keys listed nowhere are absent, as in
    AWS's policy simulator, unless `unlisted` is "unknowable". Keys that follow from the principal and the resource
    (aws:PrincipalArn, aws:PrincipalAccount, aws:ResourceAccount, …) are filled in; what `context` says overrides
    them.
    """

    principal: str
    action: str
    resource: str = "*"
    context: Mapping[str, Value] = field(default_factory=dict)
    absent: frozenset[str] = frozenset()
    unknowable: frozenset[str] = frozenset()
    one_of: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)
    unlisted: Literal["absent", "unknowable"] = "absent"
    principal_account: str = ""
    resource_account: str = ""

    @once
    def caller(self) -> Caller:
        """The principal taken apart."""
        return caller(self.principal)

    @once
    def caller_account(self) -> str:
        """The account of the caller, "" for a service or an anonymous caller."""
        return self.principal_account or self.caller.account

    @once
    def owner_account(self) -> str:
        """The account that owns the resource, "" if nothing tells."""
        return self.resource_account or account_of(self.resource) or self.caller_account

    @once
    def same_account(self) -> bool:
        """Whether caller and resource are in one account."""
        return self.caller_account == self.owner_account

    @once
    def operation(self) -> str:
        """The action in lower case, as policies are compared with it: AWS ignores the case of actions."""
        return self.action.lower()

    @once
    def service(self) -> str:
        """The service of the action, in lower case."""
        return self.operation.partition(":")[0]

    @once
    def facts(self) -> Facts:
        """All that is known of the request's context, with the keys that follow from principal and resource."""
        who = self.caller
        open_keys = _SET_BY_AWS if who.kind in _WITH_ID else _CLOCK
        return facts(
            self.context,
            self.absent,
            self.unknowable | open_keys if self.unknowable else open_keys,
            derived=self._derived(who),
            one_of=self.one_of,
            unlisted_unknowable=self.unlisted == "unknowable",
        )

    def _derived(self, who: Caller) -> dict[str, tuple[str, ...]]:
        derived: dict[str, tuple[str, ...]] = {"aws:viaawsservice": ("false",)}
        if who.kind == "service":
            derived["aws:principalisawsservice"] = ("true",)
            derived["aws:principalservicename"] = (who.arn,)
            derived["aws:principalservicenameslist"] = (who.arn,)
        elif who.kind == "anonymous":
            derived["aws:principaltype"] = ("Anonymous",)
            derived["aws:userid"] = ("anonymous",)
        else:
            self._identity(who, derived)
        if self.owner_account and self.resource != "*":
            derived["aws:resourceaccount"] = (self.owner_account,)
            if self.service == "s3":
                derived["s3:resourceaccount"] = (self.owner_account,)
        return derived

    def _identity(self, who: Caller, derived: dict[str, tuple[str, ...]]) -> None:
        derived["aws:principalisawsservice"] = ("false",)
        if who.kind != "provider":
            derived["aws:principalarn"] = (who.role_arn,)
        if self.caller_account:
            derived["aws:principalaccount"] = (self.caller_account,)
            if self.service == "kms":
                derived["kms:calleraccount"] = (self.caller_account,)
        if who.kind in _TYPES:
            derived["aws:principaltype"] = (_TYPES[who.kind],)
        if who.kind == "user":
            derived["aws:username"] = (who.name,)
        elif who.kind == "root":
            derived["aws:userid"] = (who.account,)
