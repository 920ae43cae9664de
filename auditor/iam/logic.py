"""The evaluation logic: which policies bear on a request, and how their words add up to an answer.

Sources: IAM User Guide, reference_policies_evaluation-logic and its pages on cross-account requests and on deny and
allow; Organizations User Guide, SCPs and RCPs; KMS Developer Guide, key policies and grants.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from auditor.iam.conditions import Kleene
from auditor.iam.errors import Unreadable
from auditor.iam.kms_grants import grant_allows
from auditor.iam.policies import Levels, Policies, Readable
from auditor.iam.principal import Level
from auditor.iam.request import Request
from auditor.iam.scan import SILENT, Naming, Scan, scan, union

__all__ = [
    "Parts",
    "both",
    "either",
    "naming",
    "needs_no_permission",
    "parts",
    "rcp_reach",
    "resource_must_speak",
    "root_keeps",
]

# The callers whose own policies count: everyone else is judged by the resource's policy alone.
_WITH_IDENTITY = frozenset({"role", "session", "user", "federated_user", "other"})
# A bucket owner's root user cannot be locked out of the bucket policy by that policy (PutBucketPolicy, API reference).
_ROOT_KEEPS = frozenset({"s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"})
_TRUST_ACTIONS = frozenset({"sts:tagsession", "sts:setsourceidentity", "sts:setcontext"})
# Services whose resources RCPs bind; of those in the second set some AWS pages say so and some do not yet.
_RCP_SERVICES = frozenset({"s3", "sts", "kms", "sqs", "secretsmanager", "ecr", "aoss"})
# Organizations User Guide, orgs_manage_policies_rcps, resources and entities not restricted by RCPs.
_NO_RCP = frozenset({"kms:retiregrant"})
_RCP_PERHAPS = frozenset({"dynamodb", "logs", "cognito-identity", "cognito-idp"})


def both(*verdicts: Kleene) -> Kleene:
    """Return the Kleene conjunction: False beats unknown, unknown beats True."""
    return False if False in verdicts else None if None in verdicts else True


def either(*verdicts: Kleene) -> Kleene:
    """Return the Kleene disjunction: True beats unknown, unknown beats False."""
    return True if True in verdicts else None if None in verdicts else False


@dataclass(frozen=True, slots=True)
class Parts:
    """What each sort of policy says to the request; None where that sort does not bind it."""

    identity: Scan | None
    boundary: Scan | None
    session: Scan | None
    resource: Scan
    scps: tuple[Scan, ...] | None
    rcps: tuple[Scan, ...] | None
    endpoint: Scan | None
    grant: Kleene

    def deny(self) -> Kleene:
        """Return whether any policy denies the request in words."""
        verdict: Kleene = False
        for part in (self.identity, self.boundary, self.session, self.resource, self.endpoint):
            if part is not None and part.deny is not False:
                verdict = either(verdict, part.deny)
        for part in (*(self.scps or ()), *(self.rcps or ())):
            verdict = either(verdict, part.deny)
        return verdict

    def allow(self, request: Request) -> Kleene:
        """Return whether the request would be allowed if no policy denied it in words."""
        guards = [level.allows() for level in (*(self.scps or ()), *(self.rcps or ()))]
        if self.endpoint is not None:
            guards.append(self.endpoint.allows())
        return both(*guards, self.granted(request))

    def granted(self, request: Request) -> Kleene:
        """Return whether the caller's own policies and the resource's grant the request between them."""
        if request.caller.kind == "root":
            return self._granted_to_root(request)
        if self.identity is None:
            return either(self.resource.allows(), self.grant)
        limits = self.limits()
        own = both(self.identity.allows(), limits)
        if not request.same_account:
            return both(own, either(self.resource.allows(), self.grant))
        direct = either(
            self.resource.allows(Level.DIRECT), both(either(self.resource.allows(Level.ROLE), self.grant), limits)
        )
        if resource_must_speak(request):
            return either(direct, both(own, self.resource.allows()))
        return either(own, direct)

    def limits(self) -> Kleene:
        """Return whether permissions boundary and session policies leave room for the request."""
        return both(*(part.allows() for part in (self.boundary, self.session) if part is not None))

    def _granted_to_root(self, request: Request) -> Kleene:
        """Judge a root user: its own account is open to it, but it cannot assume a role (AssumeRole, API reference)."""
        if request.operation == "sts:assumerole":
            return False
        if request.same_account and not resource_must_speak(request):
            return True
        return either(self.resource.allows(), self.grant)


def needs_no_permission(request: Request) -> bool:
    """Tell whether the call is open to every principal, even one denied it in words (STS API reference)."""
    return request.operation == "sts:getcalleridentity" and request.caller.kind != "anonymous"


def resource_must_speak(request: Request) -> bool:
    """Tell whether the caller's own policies are not enough in its own account: KMS keys, and roles to be assumed."""
    if request.service == "kms":
        return ":key/" in request.resource
    if request.service != "sts":
        return False
    action = request.operation
    return ":role/" in request.resource and (action.startswith("sts:assumerole") or action in _TRUST_ACTIONS)


def parts(request: Request, policies: Policies) -> Parts:
    """Return what every sort of policy says, leaving out the sorts that do not bind this caller or resource."""
    who = request.caller
    has_identity = who.kind in _WITH_IDENTITY
    identity = _all(policies.identity, request) if has_identity else None
    bound = policies.boundary is not None and has_identity and not who.is_service_linked
    boundary = scan(policies.boundary, request) if bound and policies.boundary is not None else None
    # A federated user without a session policy has no permissions but those a resource policy gives its session.
    with_session = bool(policies.session) or who.kind == "federated_user"
    session = _all(policies.session, request) if has_identity and with_session else None
    endpoint = None
    if policies.endpoint is not None:
        endpoint = scan(policies.endpoint, request, naming(request, policies))
    return Parts(
        identity,
        boundary,
        session,
        _resource(request, policies),
        _levels(policies.scps, request) if binds_scp(request, policies) else None,
        _rcps(request, policies),
        endpoint,
        _grant(request, policies) if policies.grants else False,
    )


def _all(policies: Sequence[Readable], request: Request) -> Scan:
    if len(policies) == 1:
        return scan(policies[0], request)
    return union([scan(policy, request) for policy in policies])


def _resource(request: Request, policies: Policies) -> Scan:
    if policies.resource is None:
        return SILENT
    found = scan(policies.resource, request, naming(request, policies))
    if found.deny is not False and root_keeps(request):
        return Scan(deny=False, sure=found.sure, possible=found.possible)
    return found


def naming(request: Request, policies: Policies) -> Naming:
    """Return what Principal elements of resource policies mean for this caller."""
    bounded = policies.boundary is not None and request.caller.kind in {"role", "session", "user"}
    return Naming.BOUNDED if bounded else Naming.COUNTED


def root_keeps(request: Request) -> bool:
    """Tell whether the request is a root user's care of its own bucket policy, which that policy cannot deny."""
    return request.caller.kind == "root" and request.same_account and request.operation in _ROOT_KEEPS


def binds_scp(request: Request, policies: Policies) -> bool:
    """Tell whether SCPs bind the caller: principals of member accounts, but no services and no service-linked roles."""
    who = request.caller
    return (
        policies.scps is not None
        and (who.kind in _WITH_IDENTITY or who.kind == "root")
        and not who.is_service_linked
        and not (policies.management_account and policies.management_account == request.caller_account)
    )


def _levels(levels: Levels | None, request: Request) -> tuple[Scan, ...]:
    return tuple(_all(level, request) for level in levels or ())


def _rcps(request: Request, policies: Policies) -> tuple[Scan, ...] | None:
    if policies.rcps is None or request.caller.is_service_linked or request.operation in _NO_RCP:
        return None
    if policies.management_account and policies.management_account == request.owner_account:
        return None
    reach = rcp_reach(request.service)
    if reach is None:
        return tuple(_perhaps(found) for found in _levels(policies.rcps, request))
    return _levels(policies.rcps, request) if reach else None


def rcp_reach(service: str) -> Kleene:
    """Return whether RCPs bind the resources of a service; None where AWS's own pages differ."""
    return None if service in _RCP_PERHAPS else service in _RCP_SERVICES


def _perhaps(found: Scan) -> Scan:
    """Return what an RCP says if nobody can be sure that RCPs bind the service: its refusals are possible only."""
    if found.deny is False and found.sure:
        return found
    return Scan(None if found.deny is not False else False, found.sure, Level.DIRECT)


def _grant(request: Request, policies: Policies) -> Kleene:
    if request.service != "kms":
        return False
    return either(
        *(None if isinstance(grant, Unreadable) else grant_allows(grant, request) for grant in policies.grants)
    )
