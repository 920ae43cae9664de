"""Policies: every policy that bears on one request, by the part it plays."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from auditor.iam.errors import Unreadable
from auditor.iam.kms_grants import Grant
from auditor.iam.policy import Policy

__all__ = ["Document", "Levels", "Policies", "Readable"]

Readable = Policy | Unreadable
Levels = tuple[tuple[Readable, ...], ...]
Document = Policy | Unreadable | str | Mapping[str, object]


@dataclass(frozen=True)
class Policies:
    """The policies that bear on a request.

    `identity` has the inline and managed policies of the caller and of its groups; `resource` the policy of the
    resource (bucket, key, queue, … or a role's trust policy), None if it has none; `boundary` the caller's permissions
    boundary; `session` the policies passed when the session was made. `scps` and `rcps` have one tuple for each level
    of the path from the organisation's root to the account (of the caller and of the resource), None if there is no
    organisation or it is not considered. `endpoint` is the policy of the VPC endpoint the request goes through,
    `grants` are a key's.
    `management_account` is the account that SCPs and RCPs do not bind. Unreadable stands for a policy that exists, or
    may exist, and could not be read.
    """

    identity: tuple[Readable, ...] = ()
    resource: Readable | None = None
    boundary: Readable | None = None
    session: tuple[Readable, ...] = ()
    scps: Levels | None = None
    rcps: Levels | None = None
    endpoint: Readable | None = None
    grants: tuple[Grant | Unreadable, ...] = ()
    management_account: str = ""

    @classmethod
    def of(  # noqa: PLR0913, PLR0917 one word for each sort of policy
        cls,
        identity: Iterable[Document] | Document | None = (),
        resource: Document | None = None,
        boundary: Document | None = None,
        session: Iterable[Document] | Document | None = (),
        scps: Iterable[Iterable[Document] | Document] | None = None,
        rcps: Iterable[Iterable[Document] | Document] | None = None,
        endpoint: Document | None = None,
        grants: Iterable[Grant | Unreadable | Mapping[str, object]] = (),
        management_account: str = "",
    ) -> Policies:
        """Return the policies of documents as they stand in AWS's answers; policies already parsed pass through.

        Where a list is due a single document will do, and a level of `scps` or `rcps` may be one too. Raises
        PolicyError.
        """
        return cls(
            _several(identity, "identity policy"),
            _single(resource, "resource policy"),
            _single(boundary, "permissions boundary"),
            _several(session, "session policy"),
            _levels(scps, "SCP"),
            _levels(rcps, "RCP"),
            _single(endpoint, "VPC endpoint policy"),
            tuple(Grant.parse(grant) if isinstance(grant, Mapping) else grant for grant in grants),
            management_account,
        )


def _single(document: Document | None, name: str) -> Readable | None:
    if document is None or isinstance(document, Policy | Unreadable):
        return document
    return Policy.parse(document, name)


def _several(documents: Iterable[Document] | Document | None, name: str) -> tuple[Readable, ...]:
    if documents is None:
        return ()
    if isinstance(documents, Policy | Unreadable):
        return (documents,)
    if isinstance(documents, str | Mapping):
        return (Policy.parse(documents, name),)
    return tuple(
        document if isinstance(document, Policy | Unreadable) else Policy.parse(document, f"{name} {number}")
        for number, document in enumerate(documents, 1)
    )


def _levels(levels: Iterable[Iterable[Document] | Document] | None, name: str) -> Levels | None:
    if levels is None:
        return None
    return tuple(_several(level, f"{name} of level {depth}, policy") for depth, level in enumerate(levels, 1))
