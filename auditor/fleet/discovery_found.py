"""What discovery finds, as a person would declare it: nodes with what they were inferred from, and wishes to confirm."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from auditor.model import Account


@dataclass(frozen=True, slots=True)
class FoundNode:
    """A node as a pipeline file says it (`account`, `name`, …), and what it was inferred from."""

    words: Mapping[str, str]
    why: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """A word of `intent:`; a value that was seen, or (`sure` is false) one that its owner may want."""

    word: str
    value: str | int
    why: str
    sure: bool = True


@dataclass(frozen=True, slots=True)
class FoundPipeline:
    """A pipeline that was found: its nodes, its proposed intent, and sentences about what could not be told."""

    name: str
    nodes: Mapping[str, FoundNode]
    intent: tuple[Wish, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Discovery:
    """What was found in which accounts, what else is there, and what could not be read."""

    accounts: tuple[Account, ...]
    pipelines: tuple[FoundPipeline, ...]
    notes: tuple[str, ...] = ()
    gaps: tuple[str, ...] = field(default=())


def named(found: Iterable[FoundPipeline]) -> tuple[FoundPipeline, ...]:
    """Return the pipelines with names of their own that a file may have: with a number where one is taken."""
    taken: set[str] = set()
    result = []
    for one in found:
        base = re.sub(r"[^A-Za-z0-9._-]+", "-", one.name).strip("-._")[:90] or "pipeline"
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}-{number}"
        taken.add(name)
        result.append(replace(one, name=name))
    return tuple(result)
