"""One row of what AWS has: a facet with how it is read, written and undone; and the kind of resource it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from auditor.errors import Refused
from auditor.model import EMPTY, Account, Json, Text


@dataclass(frozen=True, slots=True)
class Call:
    """An AWS API call as data: boto3's service name, the operation as AWS spells it, and its parameters.

    `region` is set when the call must be made in another Region than the target's.
    """

    service: str
    operation: str
    params: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    region: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """The resource that is read or written: whose it is, in which Region it is asked for, and its name (`Node.id`)."""

    kind: str
    account: Account
    region: str
    id: str
    settings: Mapping[str, str] = field(default_factory=lambda: EMPTY)


def way_in(account: Account) -> tuple[str | None, ...]:
    """Return what tells an account, and the way into it, from others."""
    return (account.id, account.profile, account.assume_role, account.external_id)


Ask = Callable[[Call], Json]
"""Make a call in the target's account and Region and return the answer without ResponseMetadata, or raise `Refused`."""

Reader = Callable[[Ask, Target], Json]
"""Return the facet's document (`None`: AWS says it is not configured), or raise `Refused`."""

Writer = Callable[[Target, Json, Json], tuple[Call, ...]]
"""Return the calls that turn the first document into the second; the undo is the same function the other way round."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What a facet's document looks like, for checking routes and literals.

    `api`: the botocore output shape of `operation`, at `member` (the whole answer when empty); `fields` may replace
    members of it, and `None` takes one away. `policy`: an IAM policy document. `policies`: a mapping from a name or ARN
    to such documents. `own`: `fields`, a mapping from field names to `{}` (anything), a JSON type's name (`string`,
    `integer`, `number`, `boolean`, `timestamp`), a list of one such form, a `Shape`, or a further mapping.
    """

    form: Literal["api", "policy", "policies", "own"]
    service: str = ""
    operation: str = ""
    member: str = ""
    fields: Mapping[str, Json] = field(default_factory=lambda: EMPTY)


def as_is(document: Json) -> Json:
    """Say that a document has but one spelling and that nothing in it changes by itself."""
    return document


def nothing_lost(_before: Json, _after: Json) -> Text | None:
    """Say that writing the old document back restores all of it."""
    return None


@dataclass(frozen=True, slots=True)
class Facet:
    """A part of a resource that the API reads and writes whole.

    `permissions` are the IAM actions that reading needs, `write_permissions` those that writing needs. `lossy(before,
    after)` says what undoing cannot restore.
    `calls` names the operations that reading may make, as `service:Operation`.
    `normal(document)` is the part of a document that a write sets, in one spelling and with AWS's defaults filled in:
    two documents are the same configuration when their normal forms are equal. Compare these, and never the documents,
    to tell whether something changed since a plan or whether a write has arrived (`LatestRestorableDateTime` moves by
    itself, IAM and S3 respell policies).
    """

    name: str
    read: Reader
    permissions: tuple[str, ...]
    shape: Shape
    calls: tuple[str, ...] = ()
    write: Writer | None = None
    write_permissions: tuple[str, ...] = ()
    lossy: Callable[[Json, Json], Text | None] = nothing_lost
    doc: Text = Text("", "")  # noqa: RUF009 - Text is frozen
    normal: Callable[[Json], Json] = as_is
    intent: str = ""
    """The word of `intent` that has a say (`consider`, `require` or `ignore`); empty: the facet is always required.

    What is only considered is used where it is known: not to have been allowed to read it leaves nothing unknown.
    """


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of resource: its facets, its attributes that need no reading, and those that are read.

    `attributes(target)` gives at least Arn (where it follows from the name), Name, Account, Region; `aliases` maps
    attribute names to routes in facets (`Arn` of a role is `Role.Arn`). `resource_arn(target)` is what read permissions
    are scoped to, best known before reading (`arn:aws:iam::1234:role/*name`).
    """

    name: str
    service: str
    facets: Mapping[str, Facet]
    attributes: Callable[[Target], Mapping[str, Json]]
    aliases: Mapping[str, str] = field(default_factory=lambda: EMPTY)
    resource_arn: Callable[[Target], str] = lambda target: target.id
    doc: Text = Text("", "")  # noqa: RUF009 - Text is frozen
    gone: tuple[str, ...] = ()
    """The error codes with which AWS says that there is no such resource."""
    nodes: tuple[str, ...] = ()
    """Where a kind of another distribution may stand: at `consumer`, or at nodes that it adds."""


def facets(*rows: Facet) -> Mapping[str, Facet]:
    """Return a kind's facet table, keyed by name in the order given."""
    return {row.name: row for row in rows}


def answer(ask: Ask, call: Call, *, absent: tuple[str, ...] = ()) -> Json:
    """Return a call's answer, or `None` when AWS refuses with one of the codes that mean "not configured"."""
    try:
        return ask(call)
    except Refused as refusal:
        if refusal.reason in absent:
            return None
        raise
