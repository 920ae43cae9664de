"""Expressions of Terraform's language, from text to trees."""

from __future__ import annotations

import json
import re

from auditor.model import Json
from auditor.sources.terraform_language import NotUnderstoodError, end_of, end_of_string, heredoc
from auditor.sources.terraform_trees import (
    Call,
    For,
    Get,
    Listing,
    Literal,
    Name,
    Operation,
    Splat,
    Table,
    Template,
    Tree,
    deep,
)

_SPACE = re.compile(r"(?:[ \t\r\n]+|#[^\n]*|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:[eE][+-]?\d+)?")
_IDENTIFIER = re.compile(r"[^\W\d][\w-]*")
_WORDS = {"true": True, "false": False, "null": None}
_DEPTH = 60
_PARTS = 150
_BINARY = (("||",), ("&&",), ("==", "!="), ("<=", ">=", "<", ">"), ("+", "-"), ("*", "/", "%"))
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}


def parse(text: str) -> Tree:
    """Return the tree of an expression. Raises `NotUnderstoodError`."""
    reader = _Reader(text)
    try:
        tree = reader.expression(0)
    except (ValueError, IndexError, OverflowError, RecursionError) as error:
        # An escape or a number that means nothing.
        raise NotUnderstoodError from error
    if reader.more() or deep(tree, _PARTS):
        raise NotUnderstoodError
    return tree


class _Reader:
    """One reading of an expression, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def more(self) -> str:
        """Return the next letter that means something, empty at the end."""
        space = _SPACE.match(self.text, self.at)
        self.at = space.end() if space else self.at
        return self.text[self.at : self.at + 1]

    def expression(self, depth: int) -> Tree:
        """Return an expression with its condition, if it has one."""
        if depth > _DEPTH:
            raise NotUnderstoodError
        tested = self._binary(0, depth)
        if not self._take("?"):
            return tested
        right = self.expression(depth + 1)
        self._need(":")
        return Operation("?", (tested, right, self.expression(depth + 1)))

    def _binary(self, level: int, depth: int) -> Tree:
        if level == len(_BINARY):
            return self._unary(depth)
        left = self._binary(level + 1, depth)
        while sign := next((one for one in _BINARY[level] if self._sees(one)), ""):
            self.at += len(sign)
            left = Operation(sign, (left, self._binary(level + 1, depth)))
        return left

    def _unary(self, depth: int) -> Tree:
        if depth > _DEPTH:
            raise NotUnderstoodError
        for sign in ("!", "-"):
            if self._take(sign):
                return Operation(sign, (self._unary(depth + 1),))
        return self._postfix(self._primary(depth + 1), depth)

    def _postfix(self, tree: Tree, depth: int) -> Tree:
        if depth > _DEPTH:
            raise NotUnderstoodError
        while True:
            if self.text.startswith("...", self.at):
                return tree
            if self._take("."):
                if self._take("*"):
                    return Splat(tree, self._postfix(Name("*"), depth + 1))
                tree = Get(tree, Literal(self._step()))
            elif self.text[self.at : self.at + 1] == "[":
                self.at += 1
                if self._take("*"):
                    self._need("]")
                    return Splat(tree, self._postfix(Name("*"), depth + 1))
                key = self.expression(depth + 1)
                self._need("]")
                tree = Get(tree, key)
            else:
                return tree

    def _step(self) -> Json:
        number = re.compile(r"\d+").match(self.text, self.at)
        if number:
            self.at = number.end()
            return int(number[0])
        return self._identifier()

    def _primary(self, depth: int) -> Tree:
        letter = self.more()
        if letter == '"':
            start = self.at
            self.at = end_of_string(self.text, start)
            return template(self.text[start + 1 : self.at - 1], quoted=True, depth=depth)
        if letter == "<":
            return self._heredoc(depth)
        if letter == "(":
            self.at += 1
            inner = self.expression(depth + 1)
            self._need(")")
            return inner
        if letter == "[":
            self.at += 1
            return self._list(depth)
        if letter == "{":
            self.at += 1
            return self._table(depth)
        if number := _NUMBER.match(self.text, self.at):
            self.at = number.end()
            return Literal(float(number[0]) if set(number[0]) & set(".eE") else int(number[0]))
        return self._word(depth)

    def _word(self, depth: int) -> Tree:
        word = self._identifier()
        if self.text[self.at : self.at + 1] == "(":
            self.at += 1
            arguments: list[Tree] = []
            spread = False
            while not self._take(")"):
                arguments.append(self.expression(depth + 1))
                spread = self._take("...")
                if not self._take(","):
                    self._need(")")
                    break
            return Call(word, tuple(arguments), spread)
        return Literal(_WORDS[word]) if word in _WORDS else Name(word)

    def _heredoc(self, depth: int) -> Tree:
        end = end_of(self.text, self.at)
        inner = heredoc(self.text[self.at : end])
        if inner is None:
            raise NotUnderstoodError
        self.at = end
        return template(inner, quoted=False, depth=depth)

    def _list(self, depth: int) -> Tree:
        if self._sees_for():
            return self._for("]", depth)
        items: list[Tree] = []
        while not self._take("]"):
            items.append(self.expression(depth + 1))
            if not self._take(","):
                self._need("]")
                break
        return Listing(tuple(items))

    def _table(self, depth: int) -> Tree:
        if self._sees_for():
            return self._for("}", depth)
        pairs: list[tuple[Tree, Tree]] = []
        while not self._take("}"):
            key = self.expression(depth + 1)
            if isinstance(key, Name):
                key = Literal(key.name)
            if not (self._take("=") or self._take(":")):
                raise NotUnderstoodError
            pairs.append((key, self._item(depth)))
            self._take(",")
        return Table(tuple(pairs))

    def _item(self, depth: int) -> Tree:
        """Return the value of a pair, which ends with its line: the next line may begin with a sign."""
        end = end_of(self.text, self.at) if self.more() else self.at
        inner = _Reader(self.text[:end])
        inner.at = self.at
        value = inner.expression(depth + 1)
        self.at = inner.at
        return value

    def _sees_for(self) -> bool:
        self.more()
        return re.compile(r"for\b(?=\s+[^\W\d][\w-]*\s*(?:,|in\b))").match(self.text, self.at) is not None

    def _for(self, close: str, depth: int) -> Tree:
        self._identifier()
        names = [self._spaced()]
        if self._take(","):
            names.append(self._spaced())
        if self._spaced() != "in":
            raise NotUnderstoodError
        over = self.expression(depth + 1)
        self._need(":")
        first = self.expression(depth + 1)
        key = None
        if close == "}":
            self._need("=>")
            key, first = first, self.expression(depth + 1)
        grouped = self._take("...")
        condition = None
        if self.more() == "i" and self._spaced() == "if":
            condition = self.expression(depth + 1)
        self._need(close)
        return For(tuple(names), over, first, key, condition, grouped)

    def _spaced(self) -> str:
        self.more()
        return self._identifier()

    def _identifier(self) -> str:
        found = _IDENTIFIER.match(self.text, self.at)
        if found is None:
            raise NotUnderstoodError
        self.at = found.end()
        return found[0]

    def _sees(self, sign: str) -> bool:
        self.more()
        if not self.text.startswith(sign, self.at):
            return False
        # `=>` and `=` belong to what an expression stands in, `!` before `=` is one sign with it.
        return not (sign in {"<", ">"} and self.text.startswith("=", self.at + 1))

    def _take(self, sign: str) -> bool:
        self.more()
        if not self.text.startswith(sign, self.at):
            return False
        if sign == "!" and self.text.startswith("!=", self.at):
            return False
        self.at += len(sign)
        return True

    def _need(self, sign: str) -> None:
        if not self._take(sign):
            raise NotUnderstoodError


def template(text: str, *, quoted: bool, depth: int = 0) -> Tree:
    """Return the tree of a template's text. Raises `NotUnderstoodError`, for `%{…}` too."""
    parts: list[Tree] = []
    said: list[str] = []
    at = 0
    while at < len(text):
        if text.startswith(("$${", "%%{"), at):
            said.append(text[at] + "{")
            at += 3
        elif text.startswith("${", at):
            end = end_of(text, at + 2, lines=False)
            parts += [Literal("".join(said))] if said else []
            said = []
            inner = _Reader(text[at + 2 : end].strip().removeprefix("~").removesuffix("~"))
            parts.append(inner.expression(depth + 1))
            at = end + 1
        elif text.startswith("%{", at):
            raise NotUnderstoodError
        elif quoted and text[at] == "\\":
            letter = text[at + 1 : at + 2]
            if letter in "uU":
                length = 4 if letter == "u" else 8
                said.append(chr(int(text[at + 2 : at + 2 + length], 16)))
                at += 2 + length
            else:
                said.append(_ESCAPES.get(letter) or json.loads(f'"\\{letter}"'))
                at += 2
        else:
            said.append(text[at])
            at += 1
    if not parts:
        return Literal("".join(said))
    if len(parts) == 1 and not said:
        # A template that is one expression and nothing else has that expression's value.
        return parts[0]
    return Template((*parts, *([Literal("".join(said))] if said else [])))
