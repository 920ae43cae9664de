"""What a report format is, and the choices of the reader that every format honours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

from auditor.model import Report, Severity, Text


@dataclass(frozen=True, slots=True)
class Options:
    """How the reader wants it.

    `width` is in columns; `min_severity` hides findings below it (they are still counted, and still gate); `fail_on` is
    the lowest severity that gates; `base` is the folder to which file names are made relative (the repository's root).
    """

    lang: str = "en"
    colour: bool = False
    width: int = 100
    min_severity: Severity = Severity.INFO
    fail_on: Severity = Severity.LOW
    base: str = ""


Write = Callable[[Report, TextIO, Options], None]


@dataclass(frozen=True, slots=True)
class Format:
    """A way to tell a report: its name, what it is for, its file's extension without a dot, and who writes it."""

    name: str
    doc: Text
    media: str
    write: Write
