"""Who calls: the account, principal and session behind an access key."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

_ACCOUNT = re.compile(r"\d{12}")
PARTITION = "aws"


@dataclass(frozen=True)
class Caller:
    """A principal; kind is root, administrator (a user who may do everything), user or role.

    name: of the user or role. session: name of the session. session_policy: JSON text, empty when there is none.
    """

    account: str
    arn: str
    kind: str
    name: str = ""
    session: str = ""
    session_policy: str = ""

    @property
    def role_arn(self) -> str:
        """Return the ARN a policy names the caller by: that of the role for an assumed role, else the caller's own."""
        if self.kind != "role":
            return self.arn
        role = find_role(self.account, self.name)
        return role.arn if role is not None else f"arn:{PARTITION}:iam::{self.account}:role/{self.name}"


def account_of(key: str) -> str | None:
    """Return the account of an access key; a key that is an account id stands for that account's root user."""
    if _ACCOUNT.fullmatch(key):
        return key
    from moto.iam.models import iam_backends

    for account, backends in list(iam_backends.items()):
        if key in backends[PARTITION].access_keys:
            return str(account)
    return None


def caller_of(key: str) -> Caller | None:
    """Return the caller behind an access key, None for a key that nobody has."""
    account = account_of(key)
    if account is None:
        return None
    if key == account:
        return Caller(account, f"arn:{PARTITION}:iam::{account}:root", "root")
    return _session(account, key) or _user(account, key)


def find_role(account: str, name: str) -> Any | None:
    """Return moto's role of that name, or None."""
    from moto.iam.models import iam_backends

    roles = iam_backends[account][PARTITION].roles.values()
    return next((role for role in list(roles) if role.name == name), None)


def find_user(account: str, name: str) -> Any | None:
    """Return moto's user of that name, or None."""
    from moto.iam.models import iam_backends

    users = iam_backends[account][PARTITION].users.values()
    return next((user for user in list(users) if user.name == name), None)


def _session(account: str, key: str) -> Caller | None:
    from moto.sts.models import sts_backends

    session = sts_backends[account][PARTITION].get_assumed_role_from_access_key(key)
    if session is None:
        return None
    name = session.role_arn.rpartition("/")[2]
    return Caller(account, session.arn, "role", name, session.session_name, session.policy or "")


def _user(account: str, key: str) -> Caller | None:
    from moto.iam.models import iam_backends

    for user in list(iam_backends[account][PARTITION].users.values()):
        if any(mine.access_key_id == key for mine in user.access_keys):
            return Caller(account, user.arn, "user", user.name)
    return None
