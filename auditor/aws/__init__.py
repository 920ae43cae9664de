"""The only door to boto3: a call in, a plain answer or a refusal in words out."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from auditor.aws.refusals import DENIALS, Hope, refused
from auditor.aws.roots import fits
from auditor.aws.straight import Straight
from auditor.errors import Refused
from auditor.kinds.facet import Ask, Call
from auditor.model import Account, Json, Usage
from auditor.version import __version__

__all__ = ["DENIALS", "Aws", "Patience"]

# Done twice, these answer that it is already done, which would read as a refusal of what succeeded.
_ONCE = frozenset({"AddPermission", "RemovePermission"})


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call is tried.

    `attempts` while AWS answers "not now" or fails, `silent_attempts` while nothing is heard; between two of them a
    random wait up to `first_wait` seconds, doubled each time up to `longest_wait`; seconds for a connection and for an
    answer. With a third of all calls throttled, twelve attempts leave three calls in a million without an answer.
    botocore's adaptive mode is not used: where throttling does not depend on one's own rate, it slows down to one call
    in two seconds.
    """

    attempts: int = 12
    silent_attempts: int = 3
    first_wait: float = 0.1
    longest_wait: float = 8.0
    connect_timeout: float = 5.0
    read_timeout: float = 20.0

    def allowed(self, hope: Hope, *, writes: bool, operation: str) -> int:
        """Return how many attempts a call has after this kind of failure."""
        if hope is Hope.BUSY:
            return self.attempts
        if hope is Hope.NONE or (writes and operation in _ONCE):
            return 1
        return self.silent_attempts if writes or hope is Hope.SILENT else self.attempts

    def pause(self, attempt: int) -> float:
        """Return the seconds to wait after an attempt."""
        return random.uniform(0, min(self.longest_wait, self.first_wait * 2 ** (attempt - 1)))  # noqa: S311 - a wait


class Aws:
    """The AWS accounts of a run, with their sessions and clients; many threads may use it at once."""

    def __init__(self, *, concurrency: int = 32, patience: Patience | None = None) -> None:
        self.concurrency = concurrency
        self.patience = patience or Patience()
        self.counts = _Counts()
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        self._doors: dict[tuple[str, str | None, str | None, str | None], _Door] = {}
        self._loader: Any = None

    def __enter__(self) -> Aws:  # noqa: PYI034 - Aws has no subclasses
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def ask(self, account: Account, region: str) -> Ask:
        """Return how to read in an account and Region; the answers are JSON, with dates as ISO 8601 text in UTC.

        Raises `Refused`; with the reason `WrongAccount` whenever the credentials are not those of `account.id`.
        """
        return lambda call: self._make(account, region, call, writes=False)

    def tell(self, account: Account, region: str) -> Ask:
        """Return how to write: as `ask`, with parameters validated first and less patience after an unclear outcome."""
        return lambda call: self._make(account, region, call, writes=True)

    def usage(self) -> Usage:
        """Return the calls that left for AWS so far, and the requests beyond the first of each; `seconds` is 0."""
        return self.counts.usage()

    def stop(self) -> None:
        """End all waiting: calls under way are not repeated, and no new ones leave."""
        self.stopped.set()

    def close(self) -> None:
        """Stop, and close all connections."""
        self.stop()
        with self._lock:
            doors = list(self._doors.values())
        for door in doors:
            door.close()

    def _make(self, account: Account, region: str, call: Call, *, writes: bool) -> Json:
        door = self._door(account)
        if (wrong := door.wrong()) is not None:
            raise Refused(wrong.reason, wrong.sentence, wrong.permission, attempts=wrong.attempts)
        return door.make(call, region, writes=writes)

    def _door(self, account: Account) -> _Door:
        key = (account.id, account.profile, account.assume_role, account.external_id)
        with self._lock:
            if key not in self._doors:
                if self._loader is None:
                    from botocore.loaders import create_loader

                    # Service models are large; every session of its own would parse them again.
                    self._loader = create_loader()
                self._doors[key] = _Door(account, self, self._loader)
            return self._doors[key]


class _Door:
    """One account's credentials, found to be the right ones or not, and its clients."""

    def __init__(self, account: Account, aws: Aws, loader: Any) -> None:
        self._account = account
        self._aws = aws
        self._loader = loader
        self._lock = threading.RLock()
        self._session: Any = None
        self._source: Any = None
        self._clients: dict[tuple[str, str, bool], Any] = {}
        self._ways: dict[tuple[str, str], Straight] = {}
        self._checked = threading.Lock()
        self._known = False
        self._wrong: Refused | None = None

    def wrong(self) -> Refused | None:
        """Return why nothing of this account may be read; `None` when STS, asked once, names the declared account."""
        with self._checked:
            if not self._known:
                self._wrong = self._verify()
                self._known = True
            return self._wrong

    def _verify(self) -> Refused | None:
        try:
            found = self.make(Call("sts", "GetCallerIdentity"), self._account.region, writes=False).get("Account")
        except Refused as refusal:
            return refusal
        if found == self._account.id:
            return None
        sentence = f"The credentials for account {self._account.name} are those of {found}, not of {self._account.id}."
        return Refused("WrongAccount", sentence)

    def make(self, call: Call, region: str, *, writes: bool) -> Json:
        """Return a call's answer; tries again as patience allows."""
        with self._aws.counts.calling(call.operation):
            attempt = 0
            while True:
                attempt += 1
                if self._aws.stopped.is_set():
                    raise Refused("Interrupted", f"{call.service}:{call.operation} was not asked: the run was ended.")
                try:
                    return self._once(call, region, writes=writes)
                except _Failure as failure:
                    failure.refusal.attempts = attempt
                    left = attempt < self._aws.patience.allowed(failure.hope, writes=writes, operation=call.operation)
                    if not left or self._aws.stopped.wait(self._aws.patience.pause(attempt)):
                        raise failure.refusal from None

    def _once(self, call: Call, region: str, *, writes: bool) -> Json:
        try:
            answer = None if writes else self._straight(call, call.region or region).call(call.operation, call.params)
            if answer is None:
                answer = self._method(call, region, writes=writes)(**call.params)
        except Exception as error:  # noqa: BLE001 - nothing raw passes the door
            raise _Failure(*refused(error, call, self._secrets())) from None
        return plain({name: value for name, value in answer.items() if name != "ResponseMetadata"})

    def _secrets(self) -> list[str]:
        """Return what must never be told: nothing is fetched or refreshed for it."""
        held = [vars(one) for one in (getattr(self._session, "_credentials", None), self._source) if one is not None]
        names = ("secret_key", "token", "_secret_key", "_token")
        known = [one.get(name) for one in held for name in names] + [self._account.external_id]
        return [secret for secret in known if isinstance(secret, str) and len(secret) > 7]

    def _method(self, call: Call, region: str, *, writes: bool) -> Any:
        from botocore import xform_name
        from botocore.exceptions import ParamValidationError

        client = self._client(call.service, call.region or region, writes=writes)
        if call.operation not in client.meta.service_model.operation_names:
            raise ParamValidationError(report=f"{call.service} has no {call.operation}")
        return getattr(client, xform_name(call.operation))

    def _straight(self, call: Call, region: str) -> Straight:
        found = self._ways.get((call.service, region))
        if found is None:
            client = self._client(call.service, region, writes=False)
            found = self._ways.setdefault(
                (call.service, region), Straight(client, self._aws.counts.sent, _must_make_sense)
            )
        return found

    def _client(self, service: str, region: str, *, writes: bool) -> Any:
        key = (service, region, writes)
        client = self._clients.get(key)
        if client is None:
            with self._lock:  # botocore's sessions are not safe to make clients from two threads
                client = self._clients.get(key) or self._new_client(service, region, writes=writes)
                self._clients[key] = client
        return client

    def _new_client(self, service: str, region: str, *, writes: bool) -> Any:
        self._session = self._session or self._new_session()
        client = self._session.create_client(service, region_name=region, config=self._config(validate=writes))
        host = urlsplit(client.meta.endpoint_url).hostname or ""
        if service == "s3control" and not host.startswith("s3-control"):
            client.meta.events.register("before-sign.s3-control", _without_account)
        return client

    def _new_session(self) -> Any:
        import botocore.session

        session = botocore.session.Session(profile=self._account.profile)
        session.register_component("data_loader", self._loader)
        session.register("before-send", self._aws.counts.sent)
        session.register("before-parse", _must_make_sense)
        provider = session.get_component("credential_provider").get_provider("assume-role")
        provider._prompter = _code_of_mfa  # noqa: SLF001 - the only way to say who may be asked
        if self._account.assume_role:
            session._credentials = self._assumed(session)  # noqa: SLF001 - as boto3 itself sets refreshable ones
        return session

    def _assumed(self, session: Any) -> Any:
        from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
        from botocore.exceptions import NoCredentialsError

        source = self._source = session.get_credentials()
        if source is None:
            raise NoCredentialsError

        def create_client(service: str, **options: Any) -> Any:
            config = self._config(validate=True)
            return session.create_client(service, region_name=self._account.region, config=config, **options)

        extra = {"RoleSessionName": f"auditor-{__version__}"}
        if self._account.external_id:
            extra["ExternalId"] = self._account.external_id
        fetcher = AssumeRoleCredentialFetcher(create_client, source, self._account.assume_role, extra_args=extra)
        return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role")

    def _config(self, *, validate: bool) -> Any:
        from botocore.config import Config

        return Config(
            retries={"mode": "standard", "total_max_attempts": 1},
            connect_timeout=self._aws.patience.connect_timeout,
            read_timeout=self._aws.patience.read_timeout,
            max_pool_connections=self._aws.concurrency,
            parameter_validation=validate,
            user_agent_extra=f"auditor/{__version__}",
            s3=self._s3(),
        )

    def _s3(self) -> dict[str, str]:
        """Return how S3 is addressed: by path, for one host then serves all buckets of a Region, unless the profile says how."""
        said = self._session.get_scoped_config().get("s3") if self._session else None
        chosen = isinstance(said, Mapping) and not said.keys().isdisjoint(
            {"addressing_style", "use_accelerate_endpoint"}
        )
        return {"us_east_1_regional_endpoint": "regional", **({} if chosen else {"addressing_style": "path"})}

    def close(self) -> None:
        """Close the connections of all clients."""
        with self._lock:
            for door in (*self._ways.values(), *self._clients.values()):
                door.close()


class _Failure(Exception):
    """A refusal, and whether to try again."""

    def __init__(self, refusal: Refused, hope: Hope) -> None:
        super().__init__(refusal.reason)
        self.refusal = refusal
        self.hope = hope


class _Counts:
    """The requests that really left, told apart into calls and their repetitions."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._requests = 0
        self._here = threading.local()

    def calling(self, operation: str) -> _Calling:
        """Return a context in which this thread makes one call, however often it is repeated."""
        return _Calling(self._here, operation)

    def sent(self, event_name: str = "", **_: Any) -> None:
        """Count a request; botocore says so before each one leaves."""
        operation = event_name.rpartition(".")[2]
        again = getattr(self._here, "operation", "") == operation and self._here.left
        if getattr(self._here, "operation", "") == operation:
            self._here.left = True
        with self._lock:
            self._requests += 1
            # A request of another name is a call that botocore makes by itself: AssumeRole, or HeadBucket for a Region.
            self._calls += not again

    def usage(self) -> Usage:
        """Return calls and retries so far."""
        with self._lock:
            return Usage(self._calls, self._requests - self._calls)


class _Calling:
    """Marks what a thread is calling; calls may nest (credentials are fetched within a call)."""

    def __init__(self, here: threading.local, operation: str) -> None:
        self._here = here
        self._operation = operation
        self._outer: tuple[str, bool] = ("", False)

    def __enter__(self) -> None:
        self._outer = (getattr(self._here, "operation", ""), getattr(self._here, "left", False))
        self._here.operation, self._here.left = self._operation, False

    def __exit__(self, *_: object) -> None:
        self._here.operation, self._here.left = self._outer


def _code_of_mfa(prompt: str) -> str:
    """Ask for the code of a profile with `mfa_serial`; without a terminal that is a refusal, and never a wait."""
    import sys
    from getpass import getpass

    from botocore.exceptions import RefreshWithMFAUnsupportedError

    if sys.stdin is None or not sys.stdin.isatty():
        raise RefreshWithMFAUnsupportedError
    return getpass(prompt)


def _must_make_sense(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse a successful answer without the body that it must have: botocore would take it for an empty document.

    An empty document means "not configured" for many reads, which would be a false answer.
    """
    from botocore.parsers import ResponseParserError

    shape = operation_model.output_shape
    if response_dict["status_code"] >= 300 or shape is None or operation_model.has_streaming_output:
        return
    if all("location" in member.serialization for member in shape.members.values()):
        return
    body = response_dict["body"]
    if not body or body.lstrip()[:14].lower().startswith((b"<html", b"<!doctype html")):
        raise ResponseParserError("no body that AWS would send")
    if not fits(operation_model, body):
        raise ResponseParserError("an element that is not the one of this answer")
    if "json" in operation_model.service_model.resolved_protocol:
        try:
            sound = isinstance(json.loads(body), dict)
        except ValueError:
            sound = False
        if not sound:
            raise ResponseParserError("a body that is no JSON object")


def _without_account(request: Any, **_: Any) -> None:
    """Take the account id from the head of the host: boto3 puts it there, and only AWS has such names."""
    parts = urlsplit(request.url)
    account, _, host = parts.netloc.partition(".")
    if account.isdigit() and len(account) == 12 and host:
        request.url = urlunsplit(parts._replace(netloc=host))


def plain(value: Any) -> Json:
    """Return an answer as JSON: dates as ISO 8601 in UTC ending in Z, bytes as text, every mapping a `dict`."""
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, datetime):
        moment = value.astimezone(timezone.utc) if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    return str(value)
