"""Policy: a policy document made ready for many decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.iam.reading import read_document
from auditor.iam.statement import Statement
from auditor.iam.validate import PolicyKind, refusals

__all__ = ["Policy"]

# More actions than one service has; a run over all of AWS must not keep growing.
_REMEMBERED = 512


@dataclass(frozen=True)
class Policy:
    """A policy that could be read. `version` is "2008-10-17" where the document names none."""

    name: str
    version: str
    statements: tuple[Statement, ...]
    document: Mapping[str, object] = field(repr=False, compare=False)
    _about: dict[str, tuple[Statement, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    def about(self, action: str) -> tuple[Statement, ...]:
        """Return the statements that speak of the action (in lower case), whatever their resources; remembered."""
        found = self._about.get(action)
        if found is None:
            found = tuple([statement for statement in self.statements if statement.actions.match(action)])
            if len(self._about) < _REMEMBERED:
                self._about[action] = found
        return found

    @classmethod
    def parse(
        cls, document: str | Mapping[str, object], name: str = "policy", kind: PolicyKind | None = None
    ) -> Policy:
        """Return the policy of a document in any shape AWS accepts: JSON text or a mapping, scalars or lists.

        Raises PolicyError with the place of the first mistake. With a `kind`, what AWS would refuse to save as a policy
        of that kind is a mistake too (an identity policy of 2008, a bucket ARN with a Region, …).
        """
        read = read_document(document, name)
        for error in refusals(read, kind, name) if kind else ():
            raise error
        return cls(name, read.version, read.statements, read.document)
