"""The trees of expressions in Terraform's language: literals, references, templates, calls and loops."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Union

from auditor.model import Json


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant."""

    value: Json


@dataclass(frozen=True, slots=True)
class Name:
    """The first word of a reference: `var`, a resource type, the variable of a loop."""

    name: str


@dataclass(frozen=True, slots=True)
class Get:
    """An attribute or item of a value: `of.key`, `of[key]`."""

    of: Tree
    key: Tree


@dataclass(frozen=True, slots=True)
class Splat:
    """Something of every item of a list: `of[*].rest`, where `rest` begins at `Name("*")`."""

    of: Tree
    rest: Tree


@dataclass(frozen=True, slots=True)
class Template:
    """Text with expressions in it."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function; `spread`: the last argument is a list of arguments."""

    name: str
    arguments: tuple[Tree, ...]
    spread: bool = False


@dataclass(frozen=True, slots=True)
class Operation:
    """An operator and its operands: one, two, or the three of a condition (`?`)."""

    sign: str
    operands: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list."""

    items: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """An object: pairs of a key and a value."""

    pairs: tuple[tuple[Tree, Tree], ...]


@dataclass(frozen=True, slots=True)
class For:
    """A loop that makes a list (no `key`) or an object; `grouped`: equal keys gather their values."""

    names: tuple[str, ...]
    over: Tree
    value: Tree
    key: Tree | None = None
    condition: Tree | None = None
    grouped: bool = False


Tree = Union[Literal, Name, Get, Splat, Template, Call, Operation, Listing, Table, For]


_LENGTHS = {"data": 3, "each": 1, "count": 1, "path": 1, "terraform": 1, "self": 1}


def head(path: tuple[str, ...]) -> str:
    """Return a reference as far as its block or name goes."""
    return ".".join(path[: _LENGTHS.get(path[0], 2)])


def heads(tree: Tree, bound: frozenset[str] = frozenset()) -> Iterator[str]:
    """Yield what an expression refers to, as far as a block or name goes: `aws_s3_bucket.b`, `var.x`, `data.t.n`, `each`."""
    if isinstance(tree, Name):
        if tree.name not in bound and tree.name != "*":
            yield tree.name
        return
    if isinstance(tree, Get):
        path = _path(tree)
        if path is not None and path[0] not in bound and path[0] != "*":
            yield head(path)
        elif path is None:
            yield from heads(tree.of, bound)
        yield from _keys(tree, bound)
        return
    inner = bound | frozenset(tree.names) if isinstance(tree, For) else bound
    for part in _inside(tree):
        yield from heads(part, inner)


def deep(tree: Tree, limit: int) -> bool:
    """Tell whether the parts of an expression stand in each other more often than a limit."""
    level = [tree]
    for _ in range(limit):
        level = [inner for outer in level for inner in _inside(outer)]
        if not level:
            return False
    return True


def _path(tree: Tree) -> tuple[str, ...] | None:
    """Return the names that a chain of attributes begins with, `None` when it begins with no name."""
    if isinstance(tree, Name):
        return (tree.name,)
    if not isinstance(tree, Get):
        return None
    before = _path(tree.of)
    if before is None or not isinstance(tree.key, Literal) or not isinstance(tree.key.value, str):
        return before
    return (*before, tree.key.value)


def _keys(tree: Tree, bound: frozenset[str]) -> Iterator[str]:
    while isinstance(tree, Get):
        if not isinstance(tree.key, Literal):
            yield from heads(tree.key, bound)
        tree = tree.of


def _inside(tree: Tree) -> Iterator[Tree]:
    if isinstance(tree, Splat):
        yield from (tree.of, tree.rest)
    elif isinstance(tree, Get):
        yield from (tree.of, tree.key)
    elif isinstance(tree, Template):
        yield from tree.parts
    elif isinstance(tree, Call):
        yield from tree.arguments
    elif isinstance(tree, Operation):
        yield from tree.operands
    elif isinstance(tree, Listing):
        yield from tree.items
    elif isinstance(tree, Table):
        for pair in tree.pairs:
            yield from pair
    elif isinstance(tree, For):
        yield from (part for part in (tree.over, tree.value, tree.key, tree.condition) if part is not None)
