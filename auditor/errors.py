"""Every way in which auditor stops with a sentence instead of an answer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

_NO_SPACE = re.compile(r"(?<=[\u3001-\u30ff\u4e00-\u9fff\uff01-\uff60]) (?=[\u3001-\u30ff\u4e00-\u9fff\uff01-\uff60])")
"""Words in a sentence are parted by a space where one of them is Latin; between two Japanese ones there is none."""


@dataclass(frozen=True, slots=True)
class Text:
    """One sentence, or a phrase of one, in the two languages of the product; as a string it is the English."""

    en: str
    ja: str

    def say(self, lang: str) -> str:
        """Return the sentence in `lang` (`en` or `ja`)."""
        return self.ja if lang == "ja" else self.en

    def fill(self, *parts: object) -> Text:
        """Return the sentence with its `{}` (or `{0}`) filled; a part that is a `Text` speaks the sentence's language."""
        en, ja = (self.say(lang).format(*(_said(one, lang) for one in parts)) for lang in ("en", "ja"))
        return Text(en, _NO_SPACE.sub("", ja) if any(isinstance(one, Text) for one in parts) else ja)

    def __str__(self) -> str:
        return self.en


def _said(part: object, lang: str) -> object:
    return part.say(lang) if isinstance(part, Text) else part


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: a file, and a line and column counted from 1 (0 when the file has none)."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join([self.file, *(str(n) for n in (self.line, self.column) if n)])


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in the user's input: where, a sentence, and what to do about it."""

    place: Place
    sentence: str
    hint: str = ""

    def __str__(self) -> str:
        return f"{self.place}: {self.sentence}" + (f" {self.hint}" if self.hint else "")


class AuditorError(Exception):
    """A sentence for the user, with a hint of what to do; `code` is the process's exit code.

    `sentence` is English; `words` is what was given, a `Text` where the sentence also stands in findings and plans.
    """

    code = 2

    def __init__(self, sentence: str | Text, hint: str = "") -> None:
        super().__init__(str(sentence))
        self.sentence = str(sentence)
        self.words = sentence
        self.hint = hint

    @property
    def text(self) -> Text:
        """Return the sentence in both languages; one that was given in English only stands for both."""
        return self.words if isinstance(self.words, Text) else Text(self.words, self.words)

    def __str__(self) -> str:
        return self.sentence + (f" {self.hint}" if self.hint else "")


class InputError(AuditorError):
    """Mistakes in files the user wrote, all of them at once."""

    def __init__(self, mistakes: Iterable[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class PipelineError(InputError):
    """A pipeline file that cannot be used."""


class RuleError(InputError):
    """A rule file that cannot be used."""


class SourceError(InputError):
    """A snapshot, plan or template that cannot be read."""


class UsageError(AuditorError):
    """Arguments or environment that cannot be used."""


class Refused(AuditorError):
    """A call that AWS did not answer with data.

    `reason` is AWS's error code (`AccessDenied`, `NoSuchBucket`, …) or auditor's own word for an answer that never came
    (`Timeout`, `Unreachable`, `Malformed`, `NoCredentials`, `WrongAccount`); compare it, never the text.
    """

    code = 4

    def __init__(self, reason: str, sentence: str | Text, permission: str = "", *, attempts: int = 1) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.permission = permission
        self.attempts = attempts


class StalePlan(AuditorError):
    """Something changed between the plan and its application; nothing more was written."""

    code = 4


class FixFailed(AuditorError):
    """A fix that did not complete: refused, not verified, or left half-way (the journal knows)."""

    code = 4
