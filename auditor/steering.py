"""What steers a terminal, or a CI system that reads its log, and how it is written so that it does not."""

from __future__ import annotations

import re

CI_ORDER = re.compile(
    r"::(?=(?:error|warning|notice|debug|group|endgroup|add-mask|add-matcher|remove-matcher|set-output|save-state"
    r"|set-env|add-path|stop-commands|echo)\b)|##(?=\[|vso\[)",
    re.IGNORECASE,
)
"""Where a CI system may take a line of its log for an order: annotate, mask, stop listening.

https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
"""


def escape(char: str) -> str:
    r"""Return a character as `\x1b`, `\u202e` or `\U000e0001`."""
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def json_escape(char: str) -> str:
    r"""Return a character as JSON's `\u202e`, of two such units beyond U+FFFF; half a pair stays half a pair."""
    units = char.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def without_orders(text: str) -> str:
    r"""Return text in which no CI system finds an order: `::error::` becomes `:\x3aerror::`."""
    return CI_ORDER.sub(lambda found: found[0][0] + escape(found[0][1]), text) if "::" in text or "##" in text else text
