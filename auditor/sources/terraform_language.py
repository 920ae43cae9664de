"""Terraform's configuration language: the blocks and attributes of a file, each with its line and its text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_BLANK = re.compile(r"(?:[ \t\r]+|/\*.*?\*/)+", re.DOTALL)
_IDENTIFIER = re.compile(r"[^\W\d][\w-]*")
_LABEL = re.compile(r'"((?:[^"\\\n]|\\.)*)"')
_HEREDOC = re.compile(r"<<(-?)([^\W\d][\w-]*)[ \t]*\r?\n")
_DEPTH = 100


class NotUnderstoodError(Exception):
    """Text that this reader cannot follow."""


@dataclass(frozen=True, slots=True)
class Source:
    """The text of an expression, and the line that it begins on."""

    text: str
    line: int


@dataclass(slots=True)
class Body:
    """What stands between braces: attributes by name, and blocks in order."""

    attributes: dict[str, Source] = field(default_factory=dict)
    blocks: list[Block] = field(default_factory=list)

    def of(self, kind: str) -> Iterator[Block]:
        """Yield the blocks of a type."""
        yield from (one for one in self.blocks if one.type == kind)


@dataclass(frozen=True, slots=True)
class Block:
    """A block: its type, its labels, its line, and its body."""

    type: str
    labels: tuple[str, ...]
    line: int
    body: Body


def parse(text: str) -> Body:
    """Return the blocks of a file. Raises `NotUnderstoodError` for what is no configuration."""
    scanner = _Scanner(text.removeprefix("\ufeff"))
    body = scanner.body(0)
    if scanner.at < len(scanner.text):
        raise NotUnderstoodError
    return body


class _Scanner:
    """One reading of a file, from top to bottom."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self._counted, self._line = 0, 1

    def body(self, depth: int) -> Body:
        made = Body()
        if depth > _DEPTH:
            raise NotUnderstoodError
        while True:
            self._skip(_SPACE)
            if self.at >= len(self.text) or self.text[self.at] == "}":
                return made
            line = self._here()
            name = self._identifier()
            self._skip(_BLANK)
            if self.text[self.at : self.at + 1] == "=" and self.text[self.at : self.at + 2] != "==":
                self.at += 1
                self._skip(_BLANK)
                begun = self._here()
                start = self.at
                self.at = end_of(self.text, start)
                made.attributes[name] = Source(self.text[start : self.at].strip(), begun)
            else:
                made.blocks.append(self._block(name, line, depth))

    def _block(self, kind: str, line: int, depth: int) -> Block:
        labels = []
        while self.text[self.at : self.at + 1] != "{":
            quoted = _LABEL.match(self.text, self.at)
            if quoted:
                self.at = quoted.end()
                labels.append(quoted[1])
            else:
                labels.append(self._identifier())
            self._skip(_BLANK)
        self.at += 1
        body = self.body(depth + 1)
        if self.text[self.at : self.at + 1] != "}":
            raise NotUnderstoodError
        self.at += 1
        return Block(kind, tuple(labels), line, body)

    def _identifier(self) -> str:
        found = _IDENTIFIER.match(self.text, self.at)
        if found is None:
            raise NotUnderstoodError
        self.at = found.end()
        return found[0]

    def _skip(self, what: re.Pattern[str]) -> None:
        found = what.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _here(self) -> int:
        self._line += self.text.count("\n", self._counted, self.at)
        self._counted = self.at
        return self._line


def end_of(text: str, at: int, *, lines: bool = True) -> int:
    """Return where an expression ends: before the bracket that closes what it stands in, and with `lines` with its line."""
    depth = 0
    while at < len(text):
        letter = text[at]
        if letter == '"':
            at = end_of_string(text, at)
            continue
        if letter in "([{":
            depth += 1
        elif letter in ")]}":
            if depth == 0:
                return at
            depth -= 1
        elif lines and letter == "\n" and depth == 0:
            return at
        elif letter == "#" or text.startswith("//", at):
            line = text.find("\n", at)
            at = len(text) if line < 0 else line
            continue
        elif text.startswith("/*", at):
            at = _after(text, "*/", at)
            continue
        elif letter == "<" and (found := _HEREDOC.match(text, at)):
            at = end_of_heredoc(text, found)
            continue
        at += 1
    if depth:
        raise NotUnderstoodError
    return at


def end_of_string(text: str, at: int) -> int:
    """Return where a quoted template ends; `${…}` in it may hold quotes of its own."""
    at += 1
    while at < len(text):
        if text[at] == "\\":
            at += 2
        elif text[at] == '"':
            return at + 1
        elif text.startswith(("$${", "%%{"), at):
            at += 3
        elif text.startswith(("${", "%{"), at):
            at = end_of(text, at + 2, lines=False) + 1
        elif text[at] == "\n":
            raise NotUnderstoodError
        else:
            at += 1
    raise NotUnderstoodError


def end_of_heredoc(text: str, head: re.Match[str]) -> int:
    """Return where the last line of a heredoc ends."""
    tail = re.compile(rf"^[ \t]*{re.escape(head[2])}[ \t\r]*$", re.MULTILINE).search(text, head.end())
    if tail is None:
        raise NotUnderstoodError
    return tail.end()


def heredoc(text: str) -> str | None:
    """Return the template inside a heredoc, `None` for any other text; `<<-` takes away the indentation of its lines."""
    head = _HEREDOC.match(text)
    if head is None:
        return None
    body = text[head.end() : text.rstrip().rfind("\n") + 1]
    if not head[1]:
        return body
    lines = body.splitlines(keepends=True)
    indent = min((len(one) - len(one.lstrip(" \t")) for one in lines if one.strip()), default=0)
    return "".join(one[indent:] if one.strip() else one.lstrip(" \t") for one in lines)


def _after(text: str, what: str, at: int) -> int:
    found = text.find(what, at)
    if found < 0:
        raise NotUnderstoodError
    return found + len(what)
