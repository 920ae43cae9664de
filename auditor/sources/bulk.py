"""All roles of an account in pages of a thousand, where that takes fewer calls than asking role by role.

GetAccountAuthorizationDetails says what ListRolePolicies, GetRolePolicy, ListAttachedRolePolicies, GetPolicy and
GetPolicyVersion say, for every role and policy of the account:
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
It does not say all that GetRole says, so that is asked of each role all the same.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from auditor.errors import Refused
from auditor.kinds import Ask, Call
from auditor.model import Json

ANSWERED = frozenset({"ListRolePolicies", "GetRolePolicy", "ListAttachedRolePolicies", "GetPolicy", "GetPolicyVersion"})
"""The operations that these pages answer."""

AT_LEAST = 5
"""Roles; fewer are not worth a page."""

_PAGE = 1000
_SAVED = {"InlinePolicies": 2, "AttachedPolicies": 1}
"""Calls that a role needs at the least for a facet, and that a page saves."""


def saved(facets: Iterable[str]) -> int:
    """Return how many calls a page saves for a role of which these facets are wanted."""
    return sum(_SAVED.get(facet, 0) for facet in facets)


class Roles:
    """The wanted roles of one account, read when they are first asked for; many threads may ask."""

    def __init__(self, ask: Ask, names: Iterable[str], calls_saved: int) -> None:
        self._ask = ask
        self._names = set(names)
        self._most_pages = max(1, calls_saved // 4)
        self._lock = threading.Lock()
        self._read = False
        self._roles: dict[str, Mapping[str, Any]] = {}
        self._policies: dict[str, Mapping[str, Any]] = {}

    def answer(self, call: Call) -> Json:
        """Return what AWS would answer to a call, or `None` when these pages do not say it."""
        with self._lock:
            if not self._read:
                self._read = True
                self._fill()
        if "PolicyArn" in call.params:
            return _of_policy(call, self._policies.get(str(call.params["PolicyArn"])))
        return _of_role(call, self._roles.get(str(call.params.get("RoleName"))))

    def forget(self, name: str) -> None:
        """Forget a role that nobody will ask for again."""
        with self._lock:
            self._roles.pop(name, None)

    def _fill(self) -> None:
        """Read pages to the end, or until the rest is cheaper one by one; a refusal leaves the roles to be asked singly."""
        params: dict[str, Json] = {"Filter": ["Role", "LocalManagedPolicy", "AWSManagedPolicy"], "MaxItems": _PAGE}
        attached: set[str] = set()
        policies: dict[str, Mapping[str, Any]] = {}
        for _ in range(self._most_pages):
            try:
                page = self._ask(Call("iam", "GetAccountAuthorizationDetails", params))
                for role in page.get("RoleDetailList") or []:
                    if role["RoleName"] in self._names:
                        self._roles[role["RoleName"]] = role
                        attached |= {one["PolicyArn"] for one in role.get("AttachedManagedPolicies") or []}
                        attached.add((role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn", ""))
                policies |= {one["Arn"]: one for one in page.get("Policies") or []}
            except (Refused, KeyError, TypeError, AttributeError):
                break
            if not page.get("IsTruncated") or not page.get("Marker"):
                break
            params = {**params, "Marker": page["Marker"]}
        self._policies = {arn: policies[arn] for arn in attached if arn in policies}


def _of_role(call: Call, role: Mapping[str, Any] | None) -> Json:
    if role is None or not isinstance(role.get("RolePolicyList"), list):
        return None
    inline = {one.get("PolicyName"): one.get("PolicyDocument") for one in role["RolePolicyList"]}
    if call.operation == "ListRolePolicies":
        return {"PolicyNames": list(inline), "IsTruncated": False}
    if call.operation == "ListAttachedRolePolicies" and isinstance(role.get("AttachedManagedPolicies"), list):
        return {"AttachedPolicies": role["AttachedManagedPolicies"], "IsTruncated": False}
    name = call.params.get("PolicyName")
    if call.operation == "GetRolePolicy" and inline.get(name) is not None:
        return {"RoleName": role["RoleName"], "PolicyName": name, "PolicyDocument": inline[name]}
    return None


def _of_policy(call: Call, policy: Mapping[str, Any] | None) -> Json:
    if policy is None:
        return None
    if call.operation == "GetPolicy":
        version = policy.get("DefaultVersionId")
        return {"Policy": {"Arn": policy["Arn"], "DefaultVersionId": version}} if version else None
    for version in policy.get("PolicyVersionList") or []:
        if version.get("VersionId") == call.params.get("VersionId") and version.get("Document") is not None:
            return {"PolicyVersion": version}
    return None
