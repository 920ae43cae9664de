"""A rule as data: what must hold at a node, why, how it is mended, and the cases that prove it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Union

from auditor.errors import Place
from auditor.model import EMPTY, Json, Safety, Severity, Text, Verdict
from auditor.scope import holes


@dataclass(frozen=True, slots=True)
class Check:
    """`at: <route>` with one predicate and its parameter; `default` stands for an absent value."""

    at: str
    predicate: str
    wanted: Json
    place: Place
    default: Json = None
    has_default: bool = False
    open: bool = field(init=False, compare=False, repr=False)
    """Whether the parameter has `${…}` to fill."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "open", any(True for _ in holes(self.wanted)))


@dataclass(frozen=True, slots=True)
class Among:
    """`in: <route of a list>` with `some` or `every`, and the checks that an item must meet together."""

    route: str
    quantifier: str
    checks: tuple[AnyCheck, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Combined:
    """`any`, `all` or `not` over checks."""

    mode: str
    checks: tuple[AnyCheck, ...]
    place: Place


AnyCheck = Union[Check, Among, Combined]


@dataclass(frozen=True, slots=True)
class Edit:
    """A named pure edit of one facet, at `node` (the subject when empty)."""

    facet: str
    action: str
    wanted: Json
    place: Place
    node: str = ""


@dataclass(frozen=True, slots=True)
class Fix:
    """How a failure is mended: by edits (safe, review), or by steps in words (manual)."""

    safety: Safety
    edits: tuple[Edit, ...] = ()
    cost: Text | None = None
    steps: Text | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One proof beside a rule: what AWS says (`given`), the verdict that must follow, and optionally what evidence says.

    `given` maps node names to facets (or to `unread: {Facet: reason}`), and `intent` to the intent; all else is unread.
    """

    name: str
    given: Mapping[str, Json]
    expect: Verdict
    place: Place
    says: str = ""
    after: Json = None
    node: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule file, read and vetted."""

    id: str
    title: Text
    severity: Severity
    subjects: tuple[str, ...]
    tags: tuple[str, ...]
    why: Text
    checks: tuple[AnyCheck, ...]
    place: Place
    when: tuple[AnyCheck, ...] = ()
    fix: Fix | None = None
    references: tuple[str, ...] = ()
    cases: tuple[Case, ...] = ()
    parameters: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    pack: str = ""
    required: frozenset[str] = frozenset()
    """Nodes that the checks name: without one of them in the pipeline the rule says nothing."""
    needs: tuple[str, ...] = ()
    """Routes that the rule reads, absolute or at `subject`: `subject.Versioning`, `destination_bucket.Policy`."""
    fix_needs: tuple[str, ...] = ()
    """Routes that the fix's edits read besides."""

    @property
    def defaults(self) -> Mapping[str, Json]:
        """Return what stands for the words of `intent` that a pipeline leaves out: the pack's values, else the rule's own."""
        if not self.parameters:
            return EMPTY
        return {word: schema["default"] for word, schema in self.parameters.items() if "default" in schema}
