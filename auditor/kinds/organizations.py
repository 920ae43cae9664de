"""What an organisation lays on an account: service control policies (SCP) and resource control policies (RCP)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from auditor.errors import Refused
from auditor.kinds.documents import normal_policies, parsed
from auditor.kinds.facet import Ask, Call, Facet, Shape, Target, answer
from auditor.kinds.paging import pages
from auditor.model import Json, Text, Unread

SCP, RCP = "ServiceControlPolicies", "ResourceControlPolicies"
INTENT = "organization_policies"
"""The word of `intent` that says whether organisation policies are considered, required or ignored."""

# Five organisational units may lie between the root and an account (Organizations User Guide, orgs_reference_limits).
_DEEPEST = 10
_CALLS = (
    "organizations:DescribeOrganization",
    "organizations:ListParents",
    "organizations:ListPoliciesForTarget",
    "organizations:DescribePolicy",
)
_FORM: Mapping[str, Json] = {
    "Organization": "string",
    "ManagementAccount": "string",
    "Levels": [{"Target": "string", "Policies": Shape("policies")}],
}


def _read(sort: str, ask: Ask, target: Target) -> Json:
    """Return the policies on the path to the target's account, from the root down; `None` when it is in no organisation.

    Where they hang is told to the management account and to delegated administrators only: elsewhere `Levels` is unread,
    and the organisation is known all the same. A sort of policy that is not enabled has no policy at the root, not even
    AWS's own, and binds nobody: then there are no levels.
    """
    found = answer(ask, Call("organizations", "DescribeOrganization"), absent=("AWSOrganizationsNotInUseException",))
    if found is None:
        return None
    told = found["Organization"]
    known = {"Organization": told["Id"], "ManagementAccount": told["MasterAccountId"]}
    if told.get("FeatureSet") == "CONSOLIDATED_BILLING":
        return {**known, "Levels": []}
    try:
        levels = [_level(sort, ask, one) for one in _path(ask, target.account.id)]
    except Refused as refusal:
        return {**known, "Levels": Unread(refusal.reason, refusal.permission, refusal.words)}
    return {**known, "Levels": levels if levels[0]["Policies"] else []}


def _path(ask: Ask, account: str) -> list[str]:
    """Return the ids of the root, the organisational units and the account, in this order."""
    path = [account]
    for _ in range(_DEEPEST):
        parents = pages(ask, Call("organizations", "ListParents", {"ChildId": path[0]}), "Parents")
        path.insert(0, parents[0]["Id"])
        if parents[0]["Type"] == "ROOT":
            return path
    raise Refused("Malformed", _NO_ROOT.fill(account))


_NO_ROOT = Text("No root is above account {}.", "アカウント {} の上位にルートが見つかりません。")


def _level(sort: str, ask: Ask, target: str) -> Json:
    listed = pages(
        ask, Call("organizations", "ListPoliciesForTarget", {"TargetId": target, "Filter": sort}), "Policies"
    )
    return {"Target": target, "Policies": {one["Name"]: _document(ask, one) for one in listed}}


def _document(ask: Ask, summary: Mapping[str, Json]) -> Json:
    """Return a policy, or why this one could not be read: the others still count."""
    try:
        found = ask(Call("organizations", "DescribePolicy", {"PolicyId": summary["Id"]}))
        return parsed(found["Policy"]["Content"], f"The organisation's policy {summary['Name']}")
    except Refused as refusal:
        return Unread(refusal.reason, refusal.permission, refusal.words)


def _normal(document: Json) -> Json:
    levels = (document or {}).get("Levels") or []
    if isinstance(levels, Unread):
        return document
    return [{**level, "Policies": normal_policies(level["Policies"])} for level in levels]


def _facet(name: str, sort: str, doc: Text) -> Facet:
    return Facet(
        name, partial(_read, sort), _CALLS, Shape("own", fields=_FORM), _CALLS, doc=doc, normal=_normal, intent=INTENT
    )


SCP_FACET = _facet(
    SCP,
    "SERVICE_CONTROL_POLICY",
    Text(
        "The organisation's service control policies on the role's account, by level from the root down.",
        "ロールのあるアカウントに適用される組織の SCP です。ルートから順に、階層ごとに並びます。",
    ),
)
RCP_FACET = _facet(
    RCP,
    "RESOURCE_CONTROL_POLICY",
    Text(
        "The organisation's resource control policies on the resource's account, by level from the root down.",
        "リソースのあるアカウントに適用される組織の RCP です。ルートから順に、階層ごとに並びます。",
    ),
)
