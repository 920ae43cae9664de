"""Callers: who makes a request, read from its principal: role, session, user, root, service, provider or nobody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

__all__ = ["Caller", "account_of", "caller", "is_account"]


@dataclass(frozen=True, slots=True)
class Caller:
    """A principal taken apart.

    `kind` is role (some session of it), session, user, root, federated_user, service, provider (SAML or OIDC),
    canonical (an S3 canonical user id), anonymous, or other (an ARN of no known sort, compared as it stands). `name` is
    the last part of a role's or user's path.
    """

    kind: str
    arn: str
    partition: str = "aws"
    account: str = ""
    name: str = ""
    session: str = ""

    @property
    def role_arn(self) -> str:
        """The ARN of the role behind a role or session; a session ARN does not carry the role's path."""
        return f"arn:{self.partition}:iam::{self.account}:role/{self.name}" if self.kind == "session" else self.arn

    @property
    def root_arn(self) -> str:
        """The ARN that stands for the caller's whole account."""
        return f"arn:{self.partition}:iam::{self.account}:root"

    @property
    def is_role(self) -> bool:
        """Whether the request is made with a role's permissions."""
        return self.kind in {"role", "session"}

    @property
    def is_service_linked(self) -> bool:
        """Whether the role is linked to a service: SCPs, RCPs and boundaries do not bind it."""
        return self.is_role and (":role/aws-service-role/" in self.arn or self.name.startswith("AWSServiceRoleFor"))


def is_account(text: str) -> bool:
    """Tell whether the text is an account id."""
    return len(text) == 12 and text.isascii() and text.isdigit()


def account_of(arn: str) -> str:
    """Return the account an ARN carries, or "" (S3 bucket ARNs carry none)."""
    parts = arn.split(":", 5)
    return parts[4] if len(parts) == 6 and parts[0] == "arn" else ""


@lru_cache(maxsize=1024)
def caller(principal: str) -> Caller:
    """Return who a principal is: an ARN, an account id (its root user), a service name, a provider, or `*`."""
    if principal in {"*", ""}:
        return Caller("anonymous", "*")
    if is_account(principal):
        return Caller("root", f"arn:aws:iam::{principal}:root", account=principal)
    parts = principal.split(":", 5)
    if len(parts) != 6 or parts[0] != "arn":
        return Caller(_kind_of_name(principal), principal)
    _, partition, service, _, account, resource = parts
    sort, _, path = resource.partition("/")
    if service == "iam" and resource == "root":
        return Caller("root", principal, partition, account)
    if service == "sts" and sort == "assumed-role":
        name, _, session = path.partition("/")
        arn = principal if session else f"arn:{partition}:iam::{account}:role/{name}"
        return Caller("session" if session else "role", arn, partition, account, name, session)
    kinds = {
        ("iam", "role"): "role",
        ("iam", "user"): "user",
        ("sts", "federated-user"): "federated_user",
        ("iam", "saml-provider"): "provider",
        ("iam", "oidc-provider"): "provider",
    }
    return Caller(kinds.get((service, sort), "other"), principal, partition, account, path.rpartition("/")[2])


def _kind_of_name(name: str) -> str:
    if len(name) == 64 and all(char in "0123456789abcdef" for char in name):
        return "canonical"
    web = name == "www.amazon.com" or name.startswith("cognito-identity.")
    service = name.endswith((".amazonaws.com", ".amazonaws.com.cn", ".aws.internal", ".amazon.com"))
    return "service" if service and not web else "provider"
