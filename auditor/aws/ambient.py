"""Whose credentials the environment holds, and for which Region: what a pipeline file would otherwise say."""

from __future__ import annotations

from auditor.aws import Aws
from auditor.errors import Refused
from auditor.kinds.facet import Call
from auditor.model import Account


def region(profile: str | None = None) -> str:
    """Return the Region that boto3 would take (environment, then the profile), or an empty text when none is set."""
    import os

    from botocore.exceptions import ProfileNotFound
    from botocore.session import Session

    try:
        configured = Session(profile=profile).get_config_variable("region")
    except ProfileNotFound:
        configured = None
    return str(os.environ.get("AWS_REGION") or configured or "")


def account(aws: Aws, region: str, profile: str | None = None) -> Account:
    """Return the account that the credentials belong to, under the name `main`. Raises `Refused`."""
    unknown = Account("main", "", region, profile)
    found = aws._door(unknown).make(Call("sts", "GetCallerIdentity"), region, writes=False).get("Account")  # noqa: SLF001
    if not isinstance(found, str):
        raise Refused("Malformed", "sts:GetCallerIdentity: the answer names no account.")
    return Account("main", found, region, profile)
