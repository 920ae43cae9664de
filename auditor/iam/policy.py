"""Policy: a policy document made ready for many decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.iam.reading import read_document
from auditor.iam.statement import Statement

__all__ = ["Policy"]


@dataclass(frozen=True)
class Policy:
    """A policy that could be read. `version` is "2008-10-17" where the document names none."""

    name: str
    version: str
    statements: tuple[Statement, ...]
    document: Mapping[str, object] = field(repr=False, compare=False)

    @classmethod
    def parse(cls, document: str | Mapping[str, object], name: str = "policy") -> Policy:
        """Return the policy of a document in any shape AWS accepts: JSON text or a mapping, scalars or lists.

        Raises PolicyError with the place of the first mistake.
        """
        read = read_document(document, name)
        return cls(name, read.version, read.statements, read.document)
