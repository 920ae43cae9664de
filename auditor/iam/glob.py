"""Wildcards: match text against `*` and `?` in time that grows with the text, never with the tangle of the pattern."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache

__all__ = ["Glob", "Token", "Wild", "compile_glob", "glob", "split_tokens", "wildcards"]


class Wild(Enum):
    """The two wildcards of IAM: any run of characters, and exactly one character."""

    STAR = "*"
    ANY = "?"


Token = str | Wild
_WILD: Mapping[str, Token] = {"*": Wild.STAR, "?": Wild.ANY}
_CUT = re.compile(r"([*?])")

# Patterns repeat within a run, for policies are written alike; a run over all of AWS must not keep growing.
_REMEMBERED = 4096


@lru_cache(maxsize=_REMEMBERED)
def wildcards(text: str) -> tuple[Token, ...]:
    """Return the text cut at its `*` and `?`; every other character stands for itself."""
    return tuple([_WILD.get(part, part) for part in _CUT.split(text) if part])


@dataclass(frozen=True, slots=True)
class _Run:
    """What stands between two stars: text of a fixed length that may hold `?`."""

    length: int
    literal: str | None
    masks: dict[str, int] = field(hash=False)
    anywhere: int

    def find(self, text: str, start: int, end: int) -> int:
        """Return the first index at which the run occurs whole inside text[start:end], or -1."""
        if self.literal is not None:
            return text.find(self.literal, start, end)
        goal = 1 << (self.length - 1)
        state = 0
        for index in range(start, end):
            state = ((state << 1) | 1) & (self.masks.get(text[index], 0) | self.anywhere)
            if state & goal:
                return index - self.length + 1
        return -1

    def at(self, text: str, start: int) -> bool:
        """Tell whether the run stands at this index of the text."""
        if self.literal is not None:
            return text.startswith(self.literal, start)
        return self.find(text, start, start + self.length) == start


def _run(tokens: list[Token]) -> _Run:
    if all(isinstance(token, str) for token in tokens):
        literal = "".join(token for token in tokens if isinstance(token, str))
        return _Run(len(literal), literal, {}, 0)
    masks: dict[str, int] = {}
    anywhere = 0
    length = 0
    for token in tokens:
        for char in token if isinstance(token, str) else " ":
            if isinstance(token, Wild):
                anywhere |= 1 << length
            else:
                masks[char] = masks.get(char, 0) | 1 << length
            length += 1
    return _Run(length, None, masks, anywhere)


@dataclass(frozen=True, slots=True)
class Glob:
    """A pattern made ready: exact text, a prefix, or a first run, runs in order and a last run with stars between."""

    exact: str | None
    prefix: str | None
    first: _Run
    middle: tuple[_Run, ...]
    last: _Run
    starred: bool

    def matches(self, text: str) -> bool:
        """Tell whether the whole text fits the pattern, case and all."""
        if self.exact is not None:
            return text == self.exact
        if self.prefix is not None:
            return text.startswith(self.prefix)
        first, last = self.first, self.last
        if not self.starred:
            return len(text) == first.length and first.at(text, 0)
        end = len(text) - last.length
        if end < first.length or not first.at(text, 0) or not last.at(text, end):
            return False
        position = first.length
        for run in self.middle:
            found = run.find(text, position, end)
            if found < 0:
                return False
            position = found + run.length
        return True


@lru_cache(maxsize=_REMEMBERED)
def compile_glob(tokens: tuple[Token, ...]) -> Glob:
    """Return the matcher for a pattern given as literal text and wildcards."""
    runs: list[list[Token]] = [[]]
    for token in tokens:
        if token is Wild.STAR:
            runs.append([])
        else:
            runs[-1].append(token)
    made = [_run(tokens) for tokens in runs]
    starred = len(made) > 1
    exact = made[0].literal if not starred else None
    middle = tuple(run for run in made[1:-1] if run.length)
    prefix = made[0].literal if starred and not middle and not made[-1].length else None
    return Glob(exact, prefix, made[0], middle, made[-1], starred)


def glob(pattern: str) -> Glob:
    """Return the matcher for a pattern written as text."""
    return compile_glob(wildcards(pattern))


def split_tokens(tokens: tuple[Token, ...], separator: str, parts: int) -> list[tuple[Token, ...]]:
    """Return the pattern cut at its separators into at most so many patterns; wildcards never cross a cut."""
    pieces: list[list[Token]] = [[]]
    for token in tokens:
        if isinstance(token, Wild):
            pieces[-1].append(token)
            continue
        head, *rest = token.split(separator, parts - len(pieces))
        if head:
            pieces[-1].append(head)
        pieces.extend([piece] if piece else [] for piece in rest)
    return [tuple(piece) for piece in pieces]
