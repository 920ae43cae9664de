"""The outline of a YAML text that may be half typed: every key and value with its path, whatever is still missing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

MARK = "\u2063"
_KEY = re.compile(
    r"(\"(?:[^\"\\]|\\.)*\"|'(?:[^']|'')*'|[^\s\"'{}\[\],#&*!|>%@`](?:[^{}\[\],#]|(?<=\$)\{[^}]*\})*?)\s*:(?=\s|$)"
)
_TAGGED = re.compile(r"[&!]\S*\s*")
_BLOCK = re.compile(r"[|>][+-]?\d?[+-]?\s*(#.*)?$")
_COMMENT = re.compile(r"(^|\s)#.*$")

Path = tuple["str | int", ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """A piece of the text: `key` (the path ends with it), `value` (of that path), or `open` (something new at that path).

    `line` and `column` count from 0; `text` is as it is written, quotes included.
    """

    path: Path
    place: str
    line: int
    column: int
    text: str

    @property
    def plain(self) -> str:
        """Return the text without quotes."""
        quoted = len(self.text) > 1 and self.text[0] == self.text[-1] and self.text[0] in "\"'"
        return self.text[1:-1] if quoted else self.text.strip("\"'")


def outline(text: str) -> list[Entry]:
    """Return every key and value of a YAML text in its order; what makes no sense is passed over."""
    return list(_Scan(text.split("\n")).entries())


def at(text: str, line: int, column: int) -> tuple[Entry, str]:
    """Return what stands (or is about to stand) at a position, and the part of it before the position."""
    lines = text.split("\n")
    lines[line] = lines[line][:column] + MARK + lines[line][column:]
    for entry in _Scan(lines).entries():
        if MARK in entry.text:
            before = entry.text.partition(MARK)[0]
            whole = replace(
                entry, text=entry.text.replace(MARK, ""), path=tuple(_unmarked(step) for step in entry.path)
            )
            return whole, before
    return Entry((), "nothing", line, column, ""), ""


def _unmarked(step: str | int) -> str | int:
    return step.replace(MARK, "") if isinstance(step, str) else step


@dataclass(slots=True)
class _Level:
    indent: int
    step: str | int


@dataclass(slots=True)
class _Frame:
    path: Path
    mapping: bool
    step: str | int | None


class _Scan:
    """One pass over the lines, with the block levels and flow brackets that are open."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.levels: list[_Level] = []
        self.frames: list[_Frame] = []
        self.block: int | None = None

    def entries(self) -> Iterator[Entry]:
        for number, line in enumerate(self.lines):
            if self.frames and not self._fresh(line):
                yield from self._flow(number, 0)
                continue
            self.frames.clear()
            yield from self._line(number, line)

    def _fresh(self, line: str) -> bool:
        """Tell whether a line begins anew although a bracket is open: it is a key no deeper than the bracket's own."""
        indent = len(line) - len(line.lstrip(" "))
        own = self.levels[-1].indent if self.levels else 0
        return bool(line.strip()) and indent <= own and _KEY.match(line.strip().removeprefix("- ")) is not None

    def _line(self, number: int, line: str) -> Iterator[Entry]:
        column = len(line) - len(line.lstrip(" "))
        content = line.strip()
        if self.block is not None and (not content or column > self.block):
            return
        self.block = None
        if not content or content.startswith(("#", "---", "...")):
            return
        while content == "-" or content.startswith("- "):
            self._item(column)
            rest = content[1:]
            column += 1 + len(rest) - len(rest.lstrip(" "))
            content = rest.lstrip(" ")
        if content:
            yield from self._content(number, column, content)

    def _item(self, column: int) -> None:
        while self.levels and self.levels[-1].indent > column:
            self.levels.pop()
        top = self.levels[-1] if self.levels else None
        if top is not None and top.indent == column and isinstance(top.step, int):
            top.step += 1
        else:
            self.levels.append(_Level(column, 0))

    def _content(self, number: int, column: int, content: str) -> Iterator[Entry]:
        found = _KEY.match(content)
        if found is None:
            while self.levels and (
                self.levels[-1].indent > column
                or (self.levels[-1].indent == column and isinstance(self.levels[-1].step, str))
            ):
                self.levels.pop()
            yield from self._value(number, column, "open")
            return
        while self.levels and self.levels[-1].indent >= column:
            self.levels.pop()
        written = found[1]
        self.levels.append(_Level(column, written.strip("\"'")))
        yield Entry(self._path(), "key", number, column, written)
        rest = content[found.end() :]
        if _BLOCK.match(rest.strip()):
            self.block = column
            return
        yield from self._value(number, column + found.end() + len(rest) - len(rest.lstrip()), "value")

    def _value(self, number: int, column: int, place: str) -> Iterator[Entry]:
        content = self.lines[number][column:]
        if tag := _TAGGED.match(content):
            column += tag.end()
            content = content[tag.end() :]
        if content.startswith(("{", "[")):
            yield from self._flow(number, column)
            return
        text = content if content.startswith(('"', "'")) else _COMMENT.sub("", content)
        if text.strip():
            yield Entry(self._path(), place, number, column, text.rstrip())

    def _path(self) -> Path:
        return tuple(level.step for level in self.levels)

    def _flow(self, number: int, column: int) -> Iterator[Entry]:
        line = self.lines[number]
        start = column
        while column < len(line):
            letter = line[column]
            if letter in "{[":
                self._open(mapping=letter == "{")
                column += 1
                start = column
            elif letter in "}]," or (letter == "#" and line[column - 1 : column] in {" ", ""}):
                yield from self._token(number, start, line[start:column])
                if letter == "#":
                    return
                self._close(letter)
                column += 1
                start = column
                if not self.frames:
                    return
            elif letter == ":" and (line[column + 1 : column + 2] in {" ", ""} or line[column - 1] in "\"'"):
                yield from self._named(number, start, line[start:column])
                column += 1
                start = column
            elif letter in "\"'" and not line[start:column].strip():
                end = line.find(letter, column + 1)
                column = len(line) if end < 0 else end + 1
            else:
                column += 1
        yield from self._token(number, start, line[start:])

    def _open(self, *, mapping: bool) -> None:
        path = self._here() if self.frames else self._path()
        self.frames.append(_Frame(path, mapping, None if mapping else 0))

    def _here(self) -> Path:
        frame = self.frames[-1]
        return frame.path if frame.step is None else (*frame.path, frame.step)

    def _close(self, letter: str) -> None:
        if letter != ",":
            self.frames.pop()
        elif self.frames:
            frame = self.frames[-1]
            frame.step = frame.step + 1 if isinstance(frame.step, int) else None

    def _named(self, number: int, start: int, text: str) -> Iterator[Entry]:
        frame = self.frames[-1]
        word = text.strip()
        if frame.mapping and word:
            frame.step = word.strip("\"'")
            yield Entry((*frame.path, frame.step), "key", number, start + len(text) - len(text.lstrip()), word)

    def _token(self, number: int, start: int, text: str) -> Iterator[Entry]:
        if not text.strip() or not self.frames:
            return
        frame = self.frames[-1]
        place = "value" if frame.step is not None else "open"
        yield Entry(self._here(), place, number, start + len(text) - len(text.lstrip()), text.strip())
