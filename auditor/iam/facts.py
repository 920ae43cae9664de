"""Facts: what is known, known to be absent, and unknowable about the context of one request."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Protocol

from auditor.iam.glob import Glob, glob

__all__ = ["SERVICE_ADDRESS", "Facts", "Knowing", "Unknown", "Value", "as_text", "facts"]

# A service calls from an address of its own that no customer lists: this one, from the block assigned to nobody.
SERVICE_ADDRESS = "240.0.0.1"
Value = str | bool | int | float | Sequence[str] | Sequence[object]


class Unknown(Enum):
    """A key that AWS sets, or may set, with a value that nobody can know beforehand."""

    KEY = "unknowable"


def as_text(value: object) -> str:
    """Return a scalar as AWS writes it: booleans in lower case, whole numbers without a point."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value)


def _values(value: object) -> tuple[str, ...]:
    if type(value) is str:
        return (value,)
    if isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping):
        return tuple(as_text(item) for item in value)
    return (as_text(value),)


@dataclass(frozen=True, slots=True)
class Facts:
    """The context of a request by lower-case key. Key names are case-insensitive to AWS; values are not.

    `one_of` has the values that an unknowable key may take, where they are known (None: the key may be absent).
    """

    known: Mapping[str, tuple[str, ...]]
    absent: frozenset[str] = frozenset()
    unknowable: frozenset[str] = frozenset()
    patterns: tuple[Glob, ...] = ()
    unlisted_unknowable: bool = False
    one_of: Mapping[str, tuple[str | None, ...]] = field(default_factory=dict)

    @property
    def facts(self) -> Facts:
        """These facts, so that they can stand where a request does."""
        return self

    def get(self, key: str) -> tuple[str, ...] | Unknown | None:
        """Return the values of a key (given in lower case), None if it is absent, Unknown if nobody can know."""
        found = self.known.get(key)
        if found is not None:
            return found
        if key in self.absent:
            return None
        if self.unlisted_unknowable or key in self.unknowable or key in self.one_of:
            return Unknown.KEY
        for pattern in self.patterns:
            if pattern.matches(key):
                return Unknown.KEY
        return None


class Knowing(Protocol):
    """Whatever knows the facts of a request: most decisions need none of them, so they are worked out when asked for."""

    @property
    def facts(self) -> Facts:
        """The facts."""


def facts(
    context: Mapping[str, Value],
    absent: Iterable[str] = (),
    unknowable: Iterable[str] = (),
    *,
    derived: Mapping[str, tuple[str, ...]] | None = None,
    one_of: Mapping[str, tuple[str | None, ...]] | None = None,
    unlisted_unknowable: bool = False,
) -> Facts:
    """Return the facts of a context as callers write it: keys in any case, scalars or lists, `*` in unknowable keys.

    `derived` has what follows from the rest of the request, by lower-case key; whatever the caller lists overrides it.
    """
    gone, _ = _listed(frozenset(absent))
    open_keys, patterns = _listed(frozenset(unknowable))
    choices = {key.lower(): values for key, values in one_of.items()} if one_of else {}
    known = {
        key: values
        for key, values in (derived or {}).items()
        if key not in gone and key not in open_keys and key not in choices
    }
    for key, value in context.items():
        if value is not None:
            known[key.lower()] = _values(value)
    return Facts(known, gone, open_keys, patterns, unlisted_unknowable, choices)


@lru_cache(maxsize=1024)
def _listed(names: frozenset[str]) -> tuple[frozenset[str], tuple[Glob, ...]]:
    """Return keys in lower case, and the patterns among them: requests of one sort list the same."""
    lower = frozenset([name.lower() for name in names])
    return lower, tuple([glob(name) for name in lower if "*" in name])
