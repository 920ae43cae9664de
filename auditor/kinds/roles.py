"""iam.role: the role, its trust policy, its inline and attached policies, and its permissions boundary."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from auditor.errors import Refused
from auditor.kinds.documents import encoded, has_unread, normal_policies, normal_policy, parsed
from auditor.kinds.facet import Ask, Call, Facet, Kind, Shape, Target, facets
from auditor.kinds.names import arn, common, is_arn, resource_of
from auditor.kinds.organizations import SCP_FACET
from auditor.kinds.paging import pages
from auditor.model import Json, Text, Unread


def _name(target: Target) -> str:
    # IAM's calls take the name without the path: role/service-role/name.
    return resource_of(target.id).rpartition("/")[2]


def _scope(target: Target) -> str:
    # The path is known only after reading.
    return target.id if is_arn(target.id) else arn(target, "iam", f"role/*{_name(target)}", regional=False)


def _role(target: Target, operation: str, **params: Json) -> Call:
    return Call("iam", operation, {"RoleName": _name(target), **params})


def _get_role(ask: Ask, target: Target) -> dict[str, Json]:
    return dict(ask(_role(target, "GetRole"))["Role"])


def _read_role(ask: Ask, target: Target) -> Json:
    return {name: value for name, value in _get_role(ask, target).items() if name != "AssumeRolePolicyDocument"}


def _read_trust(ask: Ask, target: Target) -> Json:
    return parsed(_get_role(ask, target)["AssumeRolePolicyDocument"], f"The trust policy of role {_name(target)}")


def _write_trust(target: Target, _before: Json, after: Json) -> tuple[Call, ...]:
    if after is None:
        raise Refused("CannotExpress", f"Role {_name(target)} cannot be without a trust policy.")
    return (_role(target, "UpdateAssumeRolePolicy", PolicyDocument=encoded(after)),)


def _read_inline(ask: Ask, target: Target) -> Json:
    names = pages(ask, _role(target, "ListRolePolicies"), "PolicyNames", by=("Marker", "Marker"))

    def document(name: str) -> Json:
        text = ask(_role(target, "GetRolePolicy", PolicyName=name))["PolicyDocument"]
        return parsed(text, f"Inline policy {name} of role {_name(target)}")

    return {name: _or_unread(document, name) for name in names}


def _write_inline(target: Target, before: Json, after: Json) -> tuple[Call, ...]:
    old, new = before or {}, after or {}
    changed = [name for name in new if new[name] != old.get(name)]
    gone = [name for name in old if name not in new]
    if any(has_unread(old.get(name)) for name in (*changed, *gone)):
        raise Refused(
            "CannotExpress", f"An inline policy of role {_name(target)} could not be read, so it is not replaced."
        )
    puts = [_role(target, "PutRolePolicy", PolicyName=name, PolicyDocument=encoded(new[name])) for name in changed]
    return (*puts, *(_role(target, "DeleteRolePolicy", PolicyName=name) for name in gone))


def _read_attached(ask: Ask, target: Target) -> Json:
    attached = pages(ask, _role(target, "ListAttachedRolePolicies"), "AttachedPolicies", by=("Marker", "Marker"))
    return {one["PolicyArn"]: _or_unread(lambda policy: _managed(ask, policy), one["PolicyArn"]) for one in attached}


def _read_boundary(ask: Ask, target: Target) -> Json:
    boundary = (_get_role(ask, target).get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn")
    return _managed(ask, boundary) if boundary else None


def _managed(ask: Ask, policy: str) -> Json:
    version = ask(Call("iam", "GetPolicy", {"PolicyArn": policy}))["Policy"]["DefaultVersionId"]
    found = ask(Call("iam", "GetPolicyVersion", {"PolicyArn": policy, "VersionId": version}))
    return parsed(found["PolicyVersion"]["Document"], f"Managed policy {policy}")


def _or_unread(read: Callable[[str], Json], name: str) -> Json:
    """Return a document, or why this one could not be read: the other policies of the role still count."""
    try:
        return read(name)
    except Refused as refusal:
        return Unread(refusal.reason, refusal.permission, refusal.words)


def _attributes(target: Target) -> Mapping[str, Json]:
    return common(target, _name(target), None)


ROLE = Kind(
    name="iam.role",
    service="iam",
    attributes=_attributes,
    aliases={"Arn": "Role.Arn"},
    resource_arn=_scope,
    gone=("NoSuchEntity",),
    doc=Text("An IAM role.", "IAM ロールです。"),
    facets=facets(
        Facet(
            "Role",
            _read_role,
            ("iam:GetRole",),
            Shape("api", "iam", "GetRole", "Role", {"AssumeRolePolicyDocument": None}),
            ("iam:GetRole",),
            doc=Text("The role without its trust policy.", "信頼ポリシーを除いたロール本体です。"),
        ),
        Facet(
            "Trust",
            _read_trust,
            ("iam:GetRole",),
            Shape("policy"),
            ("iam:GetRole",),
            _write_trust,
            ("iam:UpdateAssumeRolePolicy",),
            doc=Text("Who may assume the role.", "誰がロールを引き受けられるかです。"),
            normal=normal_policy,
        ),
        Facet(
            "InlinePolicies",
            _read_inline,
            ("iam:ListRolePolicies", "iam:GetRolePolicy"),
            Shape("policies"),
            ("iam:ListRolePolicies", "iam:GetRolePolicy"),
            _write_inline,
            ("iam:PutRolePolicy", "iam:DeleteRolePolicy"),
            doc=Text("The role's inline policies by name.", "ロールのインラインポリシーです（名前ごと）。"),
            normal=normal_policies,
        ),
        Facet(
            "AttachedPolicies",
            _read_attached,
            ("iam:ListAttachedRolePolicies", "iam:GetPolicy", "iam:GetPolicyVersion"),
            Shape("policies"),
            ("iam:ListAttachedRolePolicies", "iam:GetPolicy", "iam:GetPolicyVersion"),
            doc=Text("The role's managed policies by ARN.", "ロールの管理ポリシーです（ARN ごと）。"),
            normal=normal_policies,
        ),
        Facet(
            "Boundary",
            _read_boundary,
            ("iam:GetRole", "iam:GetPolicy", "iam:GetPolicyVersion"),
            Shape("policy"),
            ("iam:GetRole", "iam:GetPolicy", "iam:GetPolicyVersion"),
            doc=Text("The permissions boundary.", "アクセス許可の境界です。"),
            normal=normal_policy,
        ),
        SCP_FACET,
    ),
)
