"""IAM as AWS answers it: account details in pages, inline policies within their quota, S3's jobs as resources."""

from __future__ import annotations

import functools
from typing import Any

from auditor.standin.patch import wrap

# Of a role, user and group: the characters of all inline policies together, white space not counted.
# https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_QUOTAS = {
    "put_role_policy": ("role", 10_240),
    "put_user_policy": ("user", 2_048),
    "put_group_policy": ("group", 5_120),
}
_REGIONAL = ("job/", "access-grants/", "storage-lens/", "async-request/")
_TRUST_QUOTA = 2_048
_PAGE = 100
_LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")


def install() -> None:
    """Repair moto's IAM."""
    from moto.iam import policy_validation
    from moto.iam.models import IAMBackend
    from moto.iam.responses import IamResponse

    # Jobs, access grants and lenses of S3 have a Region in their ARN; moto knows that of access points only.
    regional = policy_validation.SERVICE_TYPE_REGION_INFORMATION_ERROR_ASSOCIATIONS["s3"]["valid_starting_values"]
    regional += [each for each in _REGIONAL if each not in regional]
    for method, (owner, quota) in _QUOTAS.items():
        wrap(IAMBackend, method, functools.partial(_within, owner, quota))
    wrap(IAMBackend, "update_assume_role_policy", _trust)
    wrap(IamResponse, "get_account_authorization_details", _paged)


def _within(owner: str, quota: int, original: Any) -> Any:
    def put(self: Any, name: str, policy_name: str, policy: str) -> Any:
        from moto.iam.exceptions import LimitExceededException

        held = getattr(self, f"get_{owner}")(name).policies
        sizes = [_size(text) for kept, text in held.items() if kept != policy_name]
        if sum(sizes) + _size(policy) > quota:
            raise LimitExceededException(f"Maximum policy size of {quota} bytes exceeded for {owner} {name}")
        return original(self, name, policy_name, policy)

    return put


def _trust(original: Any) -> Any:
    """Hold a trust policy to its own quota and to at least one statement; moto takes {}."""

    def update(self: Any, role_name: str, assume_role_policy: str) -> Any:
        from moto.iam.exceptions import LimitExceededException, MalformedPolicyDocument

        if _size(assume_role_policy) > _TRUST_QUOTA:
            raise LimitExceededException("Cannot exceed quota for ACLSizePerRole: 2048")
        if "Statement" not in assume_role_policy:
            raise MalformedPolicyDocument("Missing required field Statement")
        return original(self, role_name, assume_role_policy)

    return update


def _size(policy: Any) -> int:
    return len("".join(str(policy).split()))


def _paged(original: Any) -> Any:
    """Pages of users, groups, roles and policies, in that order."""

    def respond(self: Any) -> Any:
        answer = original(self)
        entries = [(name, each) for name in _LISTS for each in answer.result[name]]
        first = int(self._get_param("Marker") or 0)
        size = int(self._get_param("MaxItems") or _PAGE)
        page = entries[first : first + size]
        answer.result.update({name: [each for kind, each in page if kind == name] for name in _LISTS})
        if first + size < len(entries):
            answer.result.update(IsTruncated=True, Marker=str(first + size))
        return answer

    return respond


REPAIRS = (install,)
