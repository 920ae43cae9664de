"""Statement: one statement of a policy, made ready for many decisions."""

from __future__ import annotations

from dataclasses import dataclass

from auditor.iam.conditions import Condition
from auditor.iam.elements import Actions, Resources
from auditor.iam.principal import Principals

__all__ = ["Statement"]


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement. `resources` is None where it has no Resource (trust policies have none), `principals` likewise."""

    index: int
    sid: str
    allows: bool
    actions: Actions
    resources: Resources | None
    principals: Principals | None
    conditions: tuple[Condition, ...]

    @property
    def place(self) -> str:
        """The path of the statement in its document."""
        return f"Statement[{self.index}]"

    @property
    def label(self) -> str | int:
        """The Sid, or the index of a statement without one."""
        return self.sid or self.index
