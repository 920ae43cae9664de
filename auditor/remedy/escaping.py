"""Text that cannot steer a terminal, a shell or a template, whatever a resource's name or policy holds."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata

from auditor.model import Json
from auditor.steering import CI_ORDER, escape, json_escape, without_orders

_STEERING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def harmful(char: str) -> bool:
    """Tell whether a character moves, hides or reorders what a terminal shows."""
    return not " " <= char <= "~" and unicodedata.category(char) in _STEERING


def harmless(text: str) -> str:
    r"""Return text with controls, bidi marks and lone surrogates written as `\x1b`, `\u202e`, `\U000e0001`."""
    return without_orders("".join(escape(char) if harmful(char) else char for char in text))


def json_text(value: Json, *, indent: int | None = None) -> str:
    r"""Return JSON text that is harmless and still says exactly the same: what would steer is written as `\u202e`."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, default=str)
    told = "".join(json_escape(char) if char != "\n" and harmful(char) else char for char in text)
    return CI_ORDER.sub(lambda found: found[0][0] + json_escape(found[0][1]), told)


def shell_quoted(text: str) -> str:
    """Return a word that a POSIX shell reads as this text; what would steer a terminal needs bash's `$'…'`."""
    if not (any(harmful(char) for char in text) or CI_ORDER.search(text)):
        return shlex.quote(text)
    quoted = re.sub(r"[\\']", lambda found: "\\" + found[0], text)
    return "$'" + harmless(quoted) + "'"
