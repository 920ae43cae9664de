"""Predicates about too much access: strangers in a policy, power over a bucket in other hands, roles that reach beyond."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from auditor.iam import Policies, Policy, Request, Unreadable, decide, principals
from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.access_calls import role_arn, text_at
from auditor.predicates.access_policies import OPEN, Source, boundary, guard, identity
from auditor.predicates.access_principals import known_accounts
from auditor.predicates.access_verdict import trusting
from auditor.scope import Found, NotRead, Predicate, Scope, object_to, unknown_at

_EVERYTHING = Policy.parse(OPEN, "everything")
# A name that no pattern for a family of names covers by chance, so only a wildcard for all of them does.
_STRANGER = "0-auditor-0-stranger-0"

_POWERS: Mapping[str, tuple[tuple[str, str], ...]] = MappingProxyType(
    {
        "s3": (
            ("s3:PutBucketPolicy", "arn:{partition}:s3:::{stranger}"),
            ("s3:DeleteBucket", "arn:{partition}:s3:::{stranger}"),
            ("s3:PutLifecycleConfiguration", "arn:{partition}:s3:::{stranger}"),
            ("s3:PutReplicationConfiguration", "arn:{partition}:s3:::{stranger}"),
            ("s3:PutBucketVersioning", "arn:{partition}:s3:::{stranger}"),
            ("s3:DeleteObject", "arn:{partition}:s3:::{stranger}/{stranger}"),
            ("s3:DeleteObjectVersion", "arn:{partition}:s3:::{stranger}/{stranger}"),
        ),
        "dynamodb": (
            ("dynamodb:DeleteTable", "arn:{partition}:dynamodb:{region}:{account}:table/{stranger}"),
            ("dynamodb:UpdateContinuousBackups", "arn:{partition}:dynamodb:{region}:{account}:table/{stranger}"),
        ),
        "kms": (
            ("kms:ScheduleKeyDeletion", "arn:{partition}:kms:{region}:{account}:key/{stranger}"),
            ("kms:PutKeyPolicy", "arn:{partition}:kms:{region}:{account}:key/{stranger}"),
        ),
        "iam": (
            ("iam:PutRolePolicy", "arn:{partition}:iam::{account}:role/{stranger}"),
            ("iam:AttachRolePolicy", "arn:{partition}:iam::{account}:role/{stranger}"),
            ("iam:UpdateAssumeRolePolicy", "arn:{partition}:iam::{account}:role/{stranger}"),
            ("iam:CreateAccessKey", "arn:{partition}:iam::{account}:user/{stranger}"),
        ),
    }
)
"""What a pipeline's role has no business doing to things that are not the pipeline's, by service."""

_CONTROL = (
    "s3:PutBucketVersioning",
    "s3:PutBucketPolicy",
    "s3:DeleteBucketPolicy",
    "s3:PutLifecycleConfiguration",
    "s3:PutReplicationConfiguration",
    "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketOwnershipControls",
    "s3:PutEncryptionConfiguration",
    "s3:PutBucketAcl",
    "s3:DeleteBucket",
)
_CONTROL_OF_OBJECTS = ("s3:DeleteObjectVersion", "s3:BypassGovernanceRetention")
"""What the owner of a bucket leaves to nobody else: with these, another account can end the pipeline or its history."""


def _least_privilege(_found: Found, _wanted: Json, scope: Scope) -> Iterator[Evidence]:
    kind = scope.me.node.kind
    if kind == "iam.role":
        yield from _reach(scope)
    elif kind == "s3.bucket":
        yield from _control(scope)


def _reach(scope: Scope) -> Iterator[Evidence]:
    """Object, service by service, to power over things outside the pipeline that the role's policies and boundary leave it."""
    node = scope.subject
    role, account = role_arn(scope, node), scope.me.node.account
    sources, limit = identity(scope, node), boundary(scope, node)
    names = {"partition": account.partition, "region": account.region, "account": account.id, "stranger": _STRANGER}
    sure, perhaps = _own(sources, limit, strict=True), _own(sources, limit, strict=False)
    doubtful = any(source.gap for source in (*sources, limit))
    for service, powers in _POWERS.items():
        spoken = [(action, pattern) for action, pattern in powers if doubtful or _speaks(sure, action)]
        requests = [_unlisted(role, action, pattern.format(**names)) for action, pattern in spoken]
        if not requests:
            continue
        key = trusting(requests[0]) if service == "kms" else None
        held = [
            decision for one in requests if (decision := decide(one, replace(sure, resource=key))).effect == "allowed"
        ]
        if held:
            note = Text(held[0].explain.replace(_STRANGER, "*"), held[0].explain_ja.replace(_STRANGER, "*"))
            said = ", ".join(one.request.action for one in held)
            yield object_to(
                Found(None, f"{node}.{_facet(held[0].by[0].policy, scope)}"),
                _NO_POWER.fill(powers[0][0]),
                scope,
                note=note,
                key=service,
                shown=said,
            )
        elif doubtful and any(decide(one, replace(perhaps, resource=key)).effect == "allowed" for one in requests):
            route, unread = next(gap for source in (*sources, limit) if (gap := source.gap))
            yield unknown_at(route, unread, _NO_POWER.fill(powers[0][0]), scope, key=service)


def _speaks(policies: Policies, action: str) -> bool:
    """Tell whether a policy of the role speaks of an action at all: of what none does, nothing needs to be decided."""
    return any(isinstance(one, Unreadable) or one.about(action.lower()) for one in policies.identity)


def _facet(policy: str, scope: Scope) -> str:
    attached = scope.find(f"{scope.subject}.AttachedPolicies").value
    return "AttachedPolicies" if isinstance(attached, Mapping) and policy in attached else "InlinePolicies"


def _own(sources: Iterable[Source], limit: Source, *, strict: bool) -> Policies:
    leaning = "strict" if strict else "generous"
    made = (source.policy(leaning) for source in sources)  # type: ignore[arg-type]
    return Policies(tuple(one for one in made if one is not None), boundary=limit.policy(leaning))  # type: ignore[arg-type]


def _unlisted(principal: str, action: str, resource: str, owner: str = "") -> Request:
    """Return a request of whose circumstances only TLS is certain: a condition that might hold proves nothing."""
    known = {"aws:SecureTransport": "true"}
    return Request(principal, action, resource, known, unlisted="unknowable", resource_account=owner)


def _control(scope: Scope) -> Iterator[Evidence]:
    """Object to power over the bucket in the hands of known other accounts; strangers are known-principals' finding."""
    source = guard(scope, f"{scope.subject}.Policy")
    if source.found.unread is not None:
        raise NotRead(source.found.route, source.found.unread)
    sure, perhaps = source.policy("strict", principals=True), source.policy("generous", principals=True)
    if sure is None or perhaps is None:
        return
    owner, bucket = text_at(scope, "subject.Account"), text_at(scope, "subject.Arn")
    known = known_accounts(scope, None)
    foreign = {
        one.value: one.account for one in principals(perhaps) if one.type == "AWS" and one.account not in {"", owner}
    }
    callers = [value for value, account in foreign.items() if account in known]
    if any(one.value == "*" for one in principals(perhaps)):
        callers += _replicator(scope, owner)
    wanted = _NO_CONTROL
    asked = [*((action, bucket) for action in _CONTROL)]
    asked += [(action, f"{bucket}/{_STRANGER}") for action in _CONTROL_OF_OBJECTS]
    # What no Allow speaks of is granted to nobody.
    asked = [one for one in asked if any(statement.allows for statement in perhaps.about(one[0].lower()))]
    for caller in dict.fromkeys(callers) if asked else ():
        requests = [_unlisted(caller, *one, owner) for one in asked]
        held = [one for one in requests if decide(one, Policies((_EVERYTHING,), sure)).effect == "allowed"]
        if held:
            first = ", ".join(one.action for one in held[:4])
            said = Text(first, first) if len(held) <= 4 else _AND_MORE.fill(first, len(held) - 4)
            yield object_to(
                Found(None, source.found.route),
                wanted,
                scope,
                note=_CONTROLS.fill(caller, said),
                key=caller,
                shown=said,
            )
        elif any(decide(one, Policies((_EVERYTHING,), perhaps)).effect == "allowed" for one in requests):
            route, unread = source.gap or (source.found.route, Unread("NotRead"))
            yield unknown_at(route, unread, wanted, scope, key=caller)


_NO_POWER = Text("no {} and the like beyond the pipeline", "パイプライン外のリソースに対する {} などの権限がないこと")
_NO_CONTROL = Text("no control of the bucket in another account's hands", "別アカウントにバケットの管理権限がないこと")
_AND_MORE = Text("{} and {} more", "{} ほか {} 件")
_CONTROLS = Text(
    "{} of another account may call {}: whoever rules that account can stop replication here or delete history. "
    "Replication needs none of it.",
    "別アカウントの {} に {} が許可されています。そのアカウントを操作できる人なら、ここのレプリケーションを止めたり"
    "履歴を消したりできます。レプリケーションにはどれも不要です。",
)


def _replicator(scope: Scope, owner: str) -> list[str]:
    """Return the replication role where it is of another account: conditions may narrow everybody to it."""
    known = scope.resource("replication_role")
    return [] if known is None or known.node.account.id == owner else [role_arn(scope, "replication_role")]


EXCESS = (
    Predicate(
        "least_privilege",
        _least_privilege,
        {"const": True},
        Text(
            "The role holds no power to change or delete what is not the pipeline's; the bucket leaves no control of itself to a "
            "known other account. Wildcards on the pipeline's own resources are no objection.",
            "ロールがパイプライン以外のリソースを変更・削除できず、バケットが自身の管理権限を別アカウントに渡していない。"
            "パイプライン自身のリソースに対するワイルドカードは問題にしない。",
        ),
        lambda _wanted, _at: (
            *(f"subject.{facet}" for facet in ("Role", "InlinePolicies", "AttachedPolicies", "Boundary", "Policy")),
            "?replication_role.Role",
        ),
        "{least_privilege: true}",
    ),
)
