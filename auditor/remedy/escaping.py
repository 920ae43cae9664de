"""Text that cannot steer a terminal, a shell or a template, whatever a resource's name or policy holds."""

from __future__ import annotations

import json
import re
import shlex
import unicodedata

from auditor.model import Json

_STEERING = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
# What a CI system obeys where it stands in its log; see `auditor.render.display`.
_ORDER = re.compile(
    r"::(?=(?:error|warning|notice|debug|group|endgroup|add-mask|add-matcher|remove-matcher|set-output|save-state"
    r"|set-env|add-path|stop-commands|echo)\b)|##(?=\[|vso\[)",
    re.IGNORECASE,
)


def harmful(char: str) -> bool:
    """Tell whether a character moves, hides or reorders what a terminal shows."""
    return not " " <= char <= "~" and unicodedata.category(char) in _STEERING


def harmless(text: str) -> str:
    r"""Return text with controls, bidi marks and lone surrogates written as `\x1b`, `\u202e`, `\U000e0001`."""
    told = "".join(_escaped(char) if harmful(char) else char for char in text)
    return _ORDER.sub(lambda hit: f"{hit[0][0]}\\x{ord(hit[0][1]):02x}", told)


def _escaped(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_text(value: Json, *, indent: int | None = None) -> str:
    r"""Return JSON text that is harmless and still says exactly the same: what would steer is written as `\u202e`."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, ensure_ascii=False, indent=indent, separators=separators, default=str)
    told = "".join(_json_escaped(char) if char != "\n" and harmful(char) else char for char in text)
    return _ORDER.sub(lambda hit: f"{hit[0][0]}\\u{ord(hit[0][1]):04x}", told)


def _json_escaped(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[index]:02x}{units[index + 1]:02x}" for index in range(0, len(units), 2))


def shell_quoted(text: str) -> str:
    """Return a word that a POSIX shell reads as this text; what would steer a terminal needs bash's `$'…'`."""
    if not (any(harmful(char) for char in text) or _ORDER.search(text)):
        return shlex.quote(text)
    quoted = re.sub(r"[\\']", lambda found: "\\" + found[0], text)
    return "$'" + harmless(quoted) + "'"
