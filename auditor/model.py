"""The words of DESIGN §2 as types: what was declared, what was read, what was found."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Any, TypeAlias

from auditor.errors import Place, Text

__all__ = [
    "EMPTY",
    "NODES",
    "Account",
    "Evidence",
    "Finding",
    "Json",
    "Node",
    "Notice",
    "Pipeline",
    "Report",
    "Resource",
    "Safety",
    "Seal",
    "Severity",
    "Snapshot",
    "Text",
    "Unread",
    "Usage",
    "Verdict",
    "Waiver",
    "in_words",
]

Json: TypeAlias = Any
"""None, bool, int, float, str, list[Json] or dict[str, Json]."""

EMPTY: Mapping[str, Any] = MappingProxyType({})

NODES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "table": ("dynamodb.table",),
        "exporter": ("iam.role",),
        "source_bucket": ("s3.bucket",),
        "consumer": ("lambda.function", "sqs.queue", "sns.topic", "events.rule"),
        "replication_role": ("iam.role",),
        "destination_bucket": ("s3.bucket",),
        "source_key": ("kms.key",),
        "destination_key": ("kms.key",),
        "catalog_table": ("glue.table",),
    }
)
"""The places of a pipeline, and the kinds of resource that may stand at each."""


class Verdict(str, Enum):
    """What a rule says of a node."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password  # nosec B105
    FAIL = "fail"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


class Severity(str, Enum):
    """How much a failure matters; `rank` counts down from critical (4) to info (0)."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """Return 4 for critical down to 0 for info."""
        return ("info", "low", "medium", "high", "critical").index(self.value)


class Safety(str, Enum):
    """What a fix may do: protect only, grant or rewire, or nothing by itself."""

    SAFE = "safe"
    REVIEW = "review"
    MANUAL = "manual"


def in_words(value: Json, lang: str) -> Json:
    """Return a value with every `Text` inside it as the sentence in `lang`."""
    if isinstance(value, Text):
        return value.say(lang)
    if isinstance(value, Mapping):
        return {key: in_words(part, lang) for key, part in value.items()}
    return [in_words(part, lang) for part in value] if isinstance(value, list | tuple) else value


@dataclass(frozen=True, slots=True)
class Account:
    """An AWS account as the pipeline file declares it, and how to get credentials for it."""

    name: str
    id: str
    region: str
    profile: str | None = None
    assume_role: str | None = None
    external_id: str | None = field(default=None, repr=False)
    place: Place = Place("")

    @property
    def partition(self) -> str:
        """Return the ARN partition that the account's Region lies in."""
        if self.region.startswith("cn-"):
            return "aws-cn"
        return "aws-us-gov" if self.region.startswith("us-gov-") else "aws"


@dataclass(frozen=True, slots=True)
class Node:
    """A place in a pipeline (`source_bucket`) and the resource that stands there.

    `id` is the resource's name in AWS (table, bucket, role, function, queue, topic or rule name; key id, alias or ARN;
    `database/table` for Glue); empty when only an address in a template is declared. `settings` are the other declared
    values (`prefix`, …), `addresses` the template addresses by source (`terraform`, `cloudformation`).
    """

    name: str
    kind: str
    account: Account
    id: str
    settings: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    addresses: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    place: Place = Place("")


@dataclass(frozen=True, slots=True)
class Waiver:
    """An accepted failure: which finding, why, who answers for it, and its last day."""

    reason: str
    owner: str
    until: date
    rule: str | None = None
    pipeline: str | None = None
    node: str | None = None
    fingerprint: str | None = None
    only_while: Json = None
    place: Place = Place("")


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A named set of nodes, and what their owner wants where AWS has no opinion."""

    name: str
    nodes: Mapping[str, Node]
    accounts: Mapping[str, Account] = field(default_factory=lambda: EMPTY)
    intent: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    waivers: tuple[Waiver, ...] = ()
    place: Place = Place("")


@dataclass(frozen=True, slots=True)
class Unread:
    """Why a value is not known: the reason (AWS's error code, or auditor's word), and the permission that would help.

    `detail` is AWS's own message, or auditor's sentence.
    """

    reason: str
    permission: str = ""
    detail: str | Text = ""

    def __str__(self) -> str:
        return self.reason + (f" ({self.permission})" if self.permission else "")


@dataclass(frozen=True, slots=True)
class Resource:
    """What is known of the resource at a node.

    `facets` holds documents in AWS's own API shape (`None`: AWS says it is not configured); `unread` says why a facet
    is missing. A part of a facet may be unread too: then an `Unread` stands in its place inside the document.
    `attributes` are the values that need no reading (`Arn`, `Name`, `Account`, `Region`, `Prefix`, `ExportPrefix`, `Kind`);
    `aliases` name those that are read (`Arn` of a role is `Role.Arn`). `origin` maps routes to places in a template.
    """

    node: Node
    facets: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    unread: Mapping[str, Unread] = field(default_factory=lambda: EMPTY)
    attributes: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    aliases: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    origin: Mapping[str, Place] = field(default_factory=lambda: EMPTY)

    @property
    def arn(self) -> str:
        """Return the ARN if it is known, else an empty string."""
        known = self.attributes.get("Arn")
        if isinstance(known, str):
            return known
        facet, _, key = self.aliases.get("Arn", "").partition(".")
        document = self.facets.get(facet)
        read = document.get(key) if isinstance(document, Mapping) else None
        return read if isinstance(read, str) else ""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One pipeline as one source saw it: `live`, `snapshot:FILE`, `terraform:FILE` or `cloudformation:FILE`."""

    pipeline: Pipeline
    resources: Mapping[str, Resource]
    source: str = "live"
    taken_at: str = ""
    saved: Snapshot | None = None
    """What the snapshot file has of it, pipeline included, where it comes from one and from nothing else."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was looked at: the concrete route, what was wanted, what was found, and where it stands.

    `wanted` and `found` are JSON values or short AWS words, and a `Text` where they are words of ours; `note` explains
    (the deciding statement, the nearest miss); `unread` is set when the value could not be read. `key` tells apart
    several wants at one route (an IAM action).
    """

    route: str
    wanted: Json = None
    found: Json = None
    location: Place | None = None
    note: Text | None = None
    unread: Unread | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's verdict at a node of a pipeline, with its evidence, its fix and the waiver that covers it."""

    rule: str
    pipeline: str
    node: str
    verdict: Verdict
    severity: Severity
    title: Text
    why: Text
    evidence: tuple[Evidence, ...]
    resource: Resource
    safety: Safety | None = None
    fixable: bool = False
    cost: Text | None = None
    steps: Text | None = None
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    waiver: Waiver | None = None
    known: bool = False
    """True when the baseline already had all of it: it stays a failure, may be fixed, and does not gate."""

    @property
    def fingerprint(self) -> str:
        """Return 32 hex digits that stay the same whatever the order of lists, the wording or the severity."""
        node = self.resource.node
        identity = [self.rule, self.pipeline, self.node, node.kind, node.account.id, node.id or _address(node)]
        return hashlib.sha256("\0".join(["finding-v1", *identity]).encode("utf-8", "surrogatepass")).hexdigest()[:32]

    @property
    def keys(self) -> tuple[str, ...]:
        """Return what exactly is wrong, free of list order: sorted routes without indices, with their keys."""
        return tuple(
            sorted({re.sub(r"\[\d+\]", "[]", e.route) + (f"#{e.key}" if e.key else "") for e in self.evidence})
        )

    @property
    def gates(self) -> bool:
        """Tell whether the finding counts against the run: failed or unknown, not waived, and not in the baseline."""
        return self.verdict in {Verdict.FAIL, Verdict.UNKNOWN} and self.waiver is None and not self.known


def _address(node: Node) -> str:
    return ";".join(f"{source}={address}" for source, address in sorted(node.addresses.items()))


@dataclass(frozen=True, slots=True)
class Usage:
    """What a run cost: calls made, retries, and seconds."""

    calls: int = 0
    retries: int = 0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader should know beside the findings (an unused waiver, a waiver that ends soon)."""

    kind: str
    text: Text
    place: Place | None = None
    severity: Severity = Severity.LOW


@dataclass(frozen=True, slots=True)
class Seal:
    """What a report was made of, as digests (`sha256:…`): what was read, declared, judged by, found, and all four at once."""

    snapshot: str
    pipelines: str
    rules: str
    report: str
    whole: str


@dataclass(frozen=True, slots=True)
class Past:
    """What an earlier run came to: failures, unknowns, how many were new (or had come back), and how many were fixed."""

    started_at: str
    failed: int
    unknown: int = 0
    new: int = 0
    fixed: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All that one run has to say; `declared` and `read` count facets wanted and facets answered."""

    findings: Sequence[Finding]
    snapshots: Sequence[Snapshot] = ()
    notices: tuple[Notice, ...] = ()
    source: str = "live"
    started_at: str = ""
    version: str = ""
    declared: int = 0
    read: int = 0
    usage: Usage = Usage()
    rules: tuple[str, ...] = ()
    fixes: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: EMPTY)
    """By fingerprint, what a fix would change, as the lines of unified diffs headed by `node.Facet`; only where drafted."""
    history: tuple[Past, ...] = ()
    """The runs of this source so far, oldest first and this one last; none when no history is kept."""
    seal: Seal | None = None
    """The digests of what went in and what came out, where the run was asked for them."""
