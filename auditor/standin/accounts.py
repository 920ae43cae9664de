"""Access keys that name their account; moto takes such keys for its default account."""

from __future__ import annotations

import re
from typing import Any

from auditor.standin.callers import account_of
from auditor.standin.patch import wrap


def install() -> None:
    """Let a 12-digit access key id be the account id, in every service."""
    from moto.core.responses import BaseResponse
    from moto.iam import models

    wrap(models, "get_account_id_from", _account)
    BaseResponse.access_key_regex = re.compile(
        r"AWS.*(?P<access_key>(?<![A-Z0-9])(?:[A-Z0-9]{20}|[0-9]{12})(?![A-Z0-9]))[:/]"
    )


def _account(original: Any) -> Any:
    def account(access_key: str) -> str:
        return account_of(access_key) or str(original(access_key))

    return account


REPAIRS = (install,)
