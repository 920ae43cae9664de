"""What discovery reads of accounts: buckets, exports, rules and roles; what was refused is remembered, never raised."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from auditor.errors import Refused
from auditor.kinds import KINDS, Ask, Call, Target
from auditor.kinds.documents import parsed
from auditor.kinds.paging import pages
from auditor.model import Account, Json

if TYPE_CHECKING:
    from auditor.aws import Aws

_STARTED = re.compile(r"/export/(\d+)-")
_MALFORMED = (KeyError, TypeError, AttributeError, ValueError, IndexError)
_WORKERS = 16
_NAMED = 5


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, where it lies, and the two documents that lead on from it (`None`: not configured, or not read)."""

    name: str
    account: Account
    region: str
    replication: Json = None
    notification: Json = None


@dataclass(frozen=True, slots=True)
class Export:
    """The newest export of a table: where it went."""

    table: str
    account: Account
    region: str
    bucket: str
    owner: str
    prefix: str
    arn: str


@dataclass(frozen=True, slots=True)
class Role:
    """A role, and the statements of its policies that allow something."""

    arn: str
    account: Account
    allows: tuple[Mapping[str, Json], ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """An EventBridge rule of the default bus, with its pattern as a document."""

    name: str
    account: Account
    region: str
    pattern: Json


@dataclass(frozen=True, slots=True)
class World:
    """What the accounts have, each list in the order of accounts, Regions and names."""

    accounts: tuple[Account, ...]
    buckets: Mapping[str, Bucket]
    tables: tuple[tuple[Account, str, str], ...]
    exports: tuple[Export, ...]
    rules: tuple[Rule, ...]
    roles: tuple[Role, ...]


class Reader:
    """Asks AWS, many questions at a time; a refusal becomes an entry in `gaps()`."""

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._lock = threading.Lock()
        self._gaps: dict[tuple[str, str, str], list[str]] = {}

    def facet(self, kind: str, account: Account, region: str, name: str, facet: str) -> Json:
        """Return a facet's document; `None` also when it was refused."""
        ask = self._aws.ask(account, region)
        target = Target(kind, account, region, name)
        return self.known(account, facet, name, lambda: KINDS[kind].facets[facet].read(ask, target))

    def listed(
        self, account: Account, region: str, call: Call, items: str, by: tuple[str, str] = ("NextToken", "NextToken")
    ) -> list[Json]:
        """Return all items of a list; none when it was refused."""
        ask = self._aws.ask(account, region)
        what = f"{call.service}:{call.operation}"
        return self.known(account, what, "", lambda: pages(ask, call, items, by=by)) or []

    def document(self, account: Account, what: str, name: str, text: Json) -> Json:
        """Return the document that a text holds, `None` when it holds none."""
        return self.known(account, what, name, lambda: parsed(text, "The document"))

    def ask(self, account: Account, region: str) -> Ask:
        """Return how to ask in an account and Region; raises `Refused`, so only within `known`."""
        return self._aws.ask(account, region)

    def known(self, account: Account, what: str, name: str, read: Callable[[], Json]) -> Json:
        """Return what is read, or `None` with a gap remembered."""
        try:
            return read()
        except Refused as refusal:
            if refusal.reason == "Interrupted":
                raise
            closed = refusal.reason == "WrongAccount" or refusal.permission.startswith("sts:")
            closed = closed or refusal.sentence.startswith("sts:GetCallerIdentity")
            needs = f"needs {refusal.permission}" if refusal.permission else refusal.sentence
            self._remember(account, "anything" if closed else what, "" if closed else name, needs)
        except _MALFORMED as error:
            self._remember(account, what, name, f"the answer makes no sense ({type(error).__name__})")
        return None

    def _remember(self, account: Account, what: str, name: str, needs: str) -> None:
        with self._lock:
            self._gaps.setdefault((account.name, what, needs.rstrip(".")), []).append(name)

    def gaps(self) -> tuple[str, ...]:
        """Return a sentence for all that could not be read, in a fixed order."""
        said = []
        for (account, what, needs), names in sorted(self._gaps.items()):
            known = sorted({name for name in names if name})
            more = f" and {len(known) - _NAMED} more" if len(known) > _NAMED else ""
            of = f" of {', '.join(known[:_NAMED])}{more}" if known else ""
            said.append(f"could not read {what}{of} in account {account}: {needs}")
        return tuple(said)


def survey(reader: Reader, accounts: Sequence[Account], regions: Sequence[str]) -> World:
    """Return what the accounts have; tables and rules of these Regions (of each account's own, when there are none)."""
    with ThreadPoolExecutor(_WORKERS) as pool:
        buckets = [bucket for listed in pool.map(lambda one: _buckets(reader, one), accounts) for bucket in listed]
        buckets = list(pool.map(lambda one: _bucket(reader, one), buckets))
        roles = [role for listed in pool.map(lambda one: _roles(reader, one), accounts) for role in listed]
        places = [(one, region) for one in accounts for region in regions or (one.region,)]
        tables = [row for listed in pool.map(lambda one: _tables(reader, *one), places) for row in listed]
        newest = [row for listed in pool.map(lambda one: _newest(reader, *one), places) for row in listed]
        exports = [one for one in pool.map(lambda row: _export(reader, *row), newest) if one is not None]
        heard = [one for one in places if _bridged(buckets, *one)]
        rules = [rule for listed in pool.map(lambda one: _rules(reader, *one), heard) for rule in listed]
    # A bucket's name is taken once in a partition: of two accounts that list it, one is declared twice.
    named = {one.name: one for one in reversed(buckets)}
    return World(
        tuple(accounts),
        dict(sorted(named.items())),
        tuple(tables),
        tuple(exports),
        tuple(rules),
        tuple(roles),
    )


def _buckets(reader: Reader, account: Account) -> Iterable[Bucket]:
    listed = reader.listed(
        account, account.region, Call("s3", "ListBuckets"), "Buckets", ("ContinuationToken", "ContinuationToken")
    )
    return [Bucket(str(one["Name"]), account, account.region) for one in sorted(listed, key=lambda one: one["Name"])]


def _bucket(reader: Reader, bucket: Bucket) -> Bucket:
    known = reader.facet("s3.bucket", bucket.account, bucket.region, bucket.name, "Location")
    region = str((known or {}).get("Region") or bucket.region)
    replication = reader.facet("s3.bucket", bucket.account, region, bucket.name, "Replication")
    notification = reader.facet("s3.bucket", bucket.account, region, bucket.name, "Notification")
    return Bucket(bucket.name, bucket.account, region, replication, notification)


def _tables(reader: Reader, account: Account, region: str) -> Iterable[tuple[Account, str, str]]:
    by = ("ExclusiveStartTableName", "LastEvaluatedTableName")
    names = reader.listed(account, region, Call("dynamodb", "ListTables"), "TableNames", by)
    return [(account, region, str(name)) for name in sorted(names)]


def _newest(reader: Reader, account: Account, region: str) -> Iterable[tuple[Account, str, str]]:
    """Return the newest export of each table that did not fail."""
    listed = reader.listed(account, region, Call("dynamodb", "ListExports"), "ExportSummaries")
    arns = [str(one["ExportArn"]) for one in listed if one.get("ExportStatus") != "FAILED"]
    newest: dict[str, str] = {}
    for arn in sorted(arns, key=lambda one: (_started(one), one)):
        newest[arn.split("/export/")[0]] = arn
    return [(account, region, arn) for _, arn in sorted(newest.items())]


def _started(arn: str) -> int:
    """Return the milliseconds since 1970 with which an export's id begins."""
    found = _STARTED.search(arn)
    return int(found[1]) if found else 0


def _export(reader: Reader, account: Account, region: str, arn: str) -> Export | None:
    ask = reader.ask(account, region)
    call = Call("dynamodb", "DescribeExport", {"ExportArn": arn})
    said = reader.known(account, "dynamodb:DescribeExport", arn, lambda: ask(call)["ExportDescription"])
    if not said or not said.get("S3Bucket"):
        return None
    table = arn.split("/export/", maxsplit=1)[0].rpartition(":table/")[2]
    owner, prefix = str(said.get("S3BucketOwner") or ""), str(said.get("S3Prefix") or "")
    return Export(table, account, region, str(said["S3Bucket"]), owner, prefix, arn)


def _bridged(buckets: Iterable[Bucket], account: Account, region: str) -> bool:
    return any(
        one.account == account
        and one.region == region
        and (one.notification or {}).get("EventBridgeConfiguration") is not None
        for one in buckets
    )


def _rules(reader: Reader, account: Account, region: str) -> Iterable[Rule]:
    listed = reader.listed(account, region, Call("events", "ListRules"), "Rules")
    rules = []
    for one in sorted(listed, key=lambda one: str(one["Name"])):
        name, text = str(one["Name"]), one.get("EventPattern")
        pattern = reader.document(account, "the pattern of rule", name, text)
        if pattern:
            rules.append(Rule(name, account, region, pattern))
    return rules


def _roles(reader: Reader, account: Account) -> Iterable[Role]:
    call = Call("iam", "GetAccountAuthorizationDetails", {"Filter": ["Role", "LocalManagedPolicy"]})
    ask = reader.ask(account, account.region)
    managed: dict[str, Json] = {}
    roles: list[Json] = []

    def read() -> Json:
        params = dict(call.params)
        for _ in range(1000):
            page = ask(Call(call.service, call.operation, params))
            roles.extend(page.get("RoleDetailList") or [])
            for one in page.get("Policies") or []:
                managed[one["Arn"]] = next(
                    (each.get("Document") for each in one.get("PolicyVersionList") or [] if each["IsDefaultVersion"]),
                    None,
                )
            if not page.get("IsTruncated"):
                return True
            params["Marker"] = page["Marker"]
        raise Refused("TooMany", "iam:GetAccountAuthorizationDetails: more than 1000 pages.")

    if not reader.known(account, "iam:GetAccountAuthorizationDetails", "", read):
        return []
    return [_role(reader, account, one, managed) for one in sorted(roles, key=lambda one: str(one["Arn"]))]


def _role(reader: Reader, account: Account, said: Json, managed: Mapping[str, Json]) -> Role:
    texts = [one.get("PolicyDocument") for one in said.get("RolePolicyList") or []]
    texts += [managed.get(one.get("PolicyArn", "")) for one in said.get("AttachedManagedPolicies") or []]
    allows: list[Mapping[str, Json]] = []
    for text in texts:
        document = reader.document(account, "a policy of role", str(said["Arn"]), text)
        statements = (document or {}).get("Statement") or []
        listed = statements if isinstance(statements, list) else [statements]
        allows += [one for one in listed if isinstance(one, Mapping) and one.get("Effect") == "Allow"]
    return Role(str(said["Arn"]), account, tuple(allows))
