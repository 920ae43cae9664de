"""Action and Resource, and their complements: what a statement speaks of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from auditor.iam.arns import ArnPattern, arn_pattern
from auditor.iam.facts import Knowing, Unknown
from auditor.iam.glob import Glob, compile_glob, glob
from auditor.iam.variables import Template, Unresolved, Variable, literal, read_text, resolve

__all__ = ["Actions", "Resources", "actions", "resources"]

# Pipelines are alike, and so are the actions their policies list; a run over all of AWS must not keep growing.
_REMEMBERED = 1024
_ANYTHING_BUT_TEXT = frozenset("*?$")


@dataclass(frozen=True, slots=True)
class Actions:
    """An Action or NotAction element; `exact` and `patterns` are in lower case, for AWS ignores the case of actions."""

    written: tuple[str, ...]
    negated: bool
    exact: frozenset[str]
    patterns: tuple[Glob, ...]
    _known: dict[str, bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    def match(self, action: str) -> bool:
        """Tell whether the statement speaks of the action (given in lower case); remembered."""
        known = self._known.get(action)
        if known is None:
            known = self._match(action)
            if len(self._known) < _REMEMBERED:
                self._known[action] = known
        return known

    def _match(self, action: str) -> bool:
        if action in self.exact:
            return not self.negated
        for pattern in self.patterns:
            if pattern.matches(action):
                return not self.negated
        return self.negated


def actions(written: Iterable[str], *, negated: bool) -> Actions:
    """Return the element made ready."""
    return _actions(tuple(written), negated)


@lru_cache(maxsize=_REMEMBERED)
def _actions(kept: tuple[str, ...], negated: bool) -> Actions:
    lower = [text.lower() for text in kept]
    wild = [text for text in lower if "*" in text or "?" in text]
    return Actions(kept, negated, frozenset(lower) - frozenset(wild), tuple(map(glob, wild)))


@dataclass(frozen=True, slots=True)
class Resources:
    """A Resource or NotResource element; `templates` are the patterns that wait for the request's own words."""

    written: tuple[str, ...]
    negated: bool
    everything: bool
    exact: frozenset[str]
    patterns: tuple[ArnPattern, ...]
    templates: tuple[Template, ...]

    def match(self, resource: str, known: Knowing) -> bool | None:
        """Return whether the statement speaks of the resource; None if a variable's value is unknowable.

        A variable without a value takes its pattern out of play; a NotResource with one does not match at all.
        """
        if self._listed(resource):
            return not self.negated
        if not self.templates:
            return self.negated
        blurred = False
        for template in self.templates:
            tokens = resolve(template, known.facts)
            if isinstance(tokens, Unknown):
                blurred = True
            elif isinstance(tokens, Unresolved):
                if self.negated:
                    return False
            elif arn_pattern(tokens).matches(resource):
                return not self.negated
        return None if blurred else self.negated

    def _listed(self, resource: str) -> bool:
        if self.everything or resource in self.exact:
            return True
        for pattern in self.patterns:  # noqa: SIM110 a generator costs as much again
            if pattern.matches(resource):
                return True
        return False


def resources(written: Iterable[str], *, negated: bool, variables: bool) -> Resources:
    """Return the element made ready."""
    kept = tuple(written)
    exact: set[str] = set()
    patterns: list[ArnPattern] = []
    templates: list[Template] = []
    for text in kept:
        made = _resource(text, variables)
        if isinstance(made, str):
            exact.add(made)
        elif isinstance(made, ArnPattern):
            patterns.append(made)
        else:
            templates.append(made)
    return Resources(kept, negated, "*" in kept, frozenset(exact), tuple(patterns), tuple(templates))


@lru_cache(maxsize=4 * _REMEMBERED)
def _resource(text: str, variables: bool) -> str | ArnPattern | Template:
    """Return one Resource made ready: an exact ARN, a pattern, or a template; a pipeline's policies name the same ones."""
    if _ANYTHING_BUT_TEXT.isdisjoint(text) and text.count(":") >= 5:
        return text
    template = read_text(text, variables)
    if any(isinstance(part, Variable) for part in template):
        return template
    tokens = tuple(part for part in template if not isinstance(part, Variable))
    if compile_glob(tokens).exact is not None and text.count(":") >= 5:
        return literal(tokens)
    return arn_pattern(tokens)
