"""Reasons: what decided a request, as data and in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Effect", "Kind", "Reason"]

Effect = Literal["allowed", "explicit_deny", "implicit_deny", "unknown"]
Kind = Literal["identity", "resource", "boundary", "session", "scp", "rcp", "endpoint", "grant", "logic"]


@dataclass(frozen=True)
class Reason:
    """One thing that decided: the policy by name and sort, the statement (Sid or index), its element, and a sentence.

    `element` is the element that decided, such as "Resource" or "Condition.StringNotEquals.aws:SourceVpce"; it and
    `statement` are empty where a whole policy decided. `en` and `ja` say it in English and Japanese.
    """

    policy: str
    kind: Kind
    statement: str | int | None
    element: str
    en: str
    ja: str
