"""Organizations as AWS answers it: members know of their organisation, and delegated administrators see all of it."""

from __future__ import annotations

from typing import Any

# Open to every account of an organisation (Organizations User Guide, orgs_delegate_policies).
_FOR_MEMBERS = frozenset({"DescribeOrganization", "ListDelegatedAdministrators"})
_DENIED = "You don't have permissions to access this resource."


def forget() -> None:
    """Forget at a reset who belonged to whom, too; moto keeps that."""
    from moto.organizations.models import OrganizationsBackendDict

    def clear(self: Any) -> None:
        dict.clear(self)
        self.master_accounts.clear()

    setattr(OrganizationsBackendDict, "clear", clear)  # noqa: B010 - a method that moto's class does not have


def install() -> None:
    """Give member accounts the organisation's answers, or AWS's refusal."""
    from moto.organizations.responses import OrganizationsResponse

    setattr(OrganizationsResponse, "organizations_backend", property(_backend))  # noqa: B010 - moto has a method there


def _backend(self: Any) -> Any:
    from moto.core.exceptions import JsonRESTError
    from moto.organizations.models import organizations_backends

    account, partition = self.current_account, self.partition
    chief, where = organizations_backends.master_accounts.get(account, (account, partition))
    whole = organizations_backends[chief][where]
    delegated = any(admin.account.id == account for admin in whole.admins)
    if chief != account and not delegated and self._get_action() not in _FOR_MEMBERS:
        raise JsonRESTError("AccessDeniedException", _DENIED)
    return whole


REPAIRS = (forget, install)
