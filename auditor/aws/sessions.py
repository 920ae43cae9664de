"""One account's botocore session: whose credentials it has, and how its clients are made."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from auditor.aws.answers import must_make_sense
from auditor.aws.patience import Patience
from auditor.aws.unmodelled import SERVICES, keep_unmodelled
from auditor.model import Account
from auditor.version import __version__

# What a profile says about who one is, and not about how AWS is spoken to.
_WHO = frozenset(
    {
        "aws_access_key_id",
        "aws_secret_access_key",
        "aws_session_token",
        "aws_account_id",
        "credential_process",
        "credential_source",
        "duration_seconds",
        "external_id",
        "mfa_serial",
        "output",
        "region",
        "role_arn",
        "role_session_name",
        "source_profile",
        "sso_account_id",
        "sso_region",
        "sso_registration_scopes",
        "sso_role_name",
        "sso_session",
        "sso_start_url",
        "web_identity_token_file",
    }
)


@dataclass(frozen=True, slots=True)
class Manner:
    """What all sessions of a run have in common: patience, connections, who counts requests, and the service models."""

    patience: Patience
    concurrency: int
    sent: Callable[..., None]
    loader: Any


class Session:
    """A session of one account. Not safe for many threads: who uses it holds a lock."""

    def __init__(self, account: Account, manner: Manner) -> None:
        import botocore.session

        self._account = account
        self._manner = manner
        self._source: Any = None
        self._session = botocore.session.Session(profile=account.profile)
        self._session.register_component("data_loader", manner.loader)
        self._session.register("before-send", manner.sent)
        self._session.register("before-parse", must_make_sense)
        for service in SERVICES:
            self._session.register(f"after-call.{service}", keep_unmodelled)
        provider = self._session.get_component("credential_provider").get_provider("assume-role")
        provider._prompter = _code_of_mfa  # noqa: SLF001 - the only way to say who may be asked
        if account.assume_role:
            self._session._credentials = self._assumed()  # noqa: SLF001 - as boto3 itself sets refreshable ones

    @property
    def credentials(self) -> Any:
        """Return botocore's credentials, which refresh themselves; `None` when none are found."""
        return self._session.get_credentials()

    def look(self) -> str:
        """Return what in the profile changes how AWS is spoken to; sessions of equal looks may share what has no credentials."""
        said = {key: value for key, value in self._session.get_scoped_config().items() if key not in _WHO}
        # DynamoDB's endpoints of one account, where the profile insists on them, are no other account's.
        own = self._account.id if said.get("account_id_endpoint_mode") == "required" else ""
        return json.dumps([said, own], sort_keys=True, default=str)

    def client(self, service: str, region: str, *, writes: bool, shared: bool = False) -> Any:
        """Return a new client; a shared one finds endpoints that are the same for every account."""
        client = self._session.create_client(service, region_name=region, config=self._config(writes, shared))
        host = urlsplit(client.meta.endpoint_url).hostname or ""
        if service == "s3control" and not host.startswith("s3-control"):
            client.meta.events.register("before-sign.s3-control", _without_account)
        return client

    def secrets(self) -> list[str]:
        """Return what must never be told: nothing is fetched or refreshed for it."""
        held = [vars(one) for one in (getattr(self._session, "_credentials", None), self._source) if one is not None]
        names = ("secret_key", "token", "_secret_key", "_token")
        known = [one.get(name) for one in held for name in names] + [self._account.external_id]
        return [secret for secret in known if isinstance(secret, str) and len(secret) > 7]

    def _assumed(self) -> Any:
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.exceptions import NoCredentialsError

        source = self._source = self._session.get_credentials()
        if source is None:
            raise NoCredentialsError

        def create_client(service: str, **options: Any) -> Any:
            config = self._config(writes=True)
            return self._session.create_client(service, region_name=self._account.region, config=config, **options)

        extra = {"RoleSessionName": f"auditor-{__version__}"}
        if self._account.external_id:
            extra["ExternalId"] = self._account.external_id
        fetcher = AssumeRoleCredentialFetcher(create_client, source, self._account.assume_role, extra_args=extra)
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    def _config(self, writes: bool, shared: bool = False) -> Any:
        from botocore.config import Config

        said = self._session.get_scoped_config()
        mode = {"account_id_endpoint_mode": "disabled"} if shared and not said.get("account_id_endpoint_mode") else {}
        return Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=self._manner.patience.connect_timeout,
            read_timeout=self._manner.patience.read_timeout,
            max_pool_connections=self._manner.concurrency,
            parameter_validation=writes,
            user_agent_extra=f"auditor/{__version__}",
            s3=_s3(said.get("s3")),
            **mode,
        )


def _s3(said: Any) -> dict[str, str]:
    """Return how S3 is addressed: by path, for one host then serves all buckets of a Region, unless the profile says how."""
    chosen = isinstance(said, Mapping) and not said.keys().isdisjoint({"addressing_style", "use_accelerate_endpoint"})
    return {"us_east_1_regional_endpoint": "regional", **({} if chosen else {"addressing_style": "path"})}


def _code_of_mfa(prompt: str) -> str:
    """Ask for the code of a profile with `mfa_serial`; without a terminal that is a refusal, and never a wait."""
    import sys
    from getpass import getpass

    from botocore.exceptions import RefreshWithMFAUnsupportedError

    if sys.stdin is None or not sys.stdin.isatty():
        raise RefreshWithMFAUnsupportedError
    return getpass(prompt)


def _without_account(request: Any, **_: Any) -> None:
    """Take the account id from the head of the host: boto3 puts it there, and only AWS has such names."""
    parts = urlsplit(request.url)
    account, _, host = parts.netloc.partition(".")
    if account.isdigit() and len(account) == 12 and host:
        request.url = urlunsplit(parts._replace(netloc=host))
