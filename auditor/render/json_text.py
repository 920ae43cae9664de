"""JSON as `json.dumps(value, ensure_ascii=False, indent=2)` writes it, several times as fast, and harmless on a terminal."""

from __future__ import annotations

import json
import re
from json.encoder import encode_basestring
from typing import Any

from auditor.steering import json_escape

_ODD = re.compile("[^\n\x20-\x7e]+")
# What a CI system obeys wherever it stands in a line of its log.
_ORDER = re.compile(r"##(?=\[|vso\[)", re.IGNORECASE)
_WORDS = {None: "null", True: "true", False: "false"}


def indented(value: Any, pad: str = "") -> str:
    """Return plain JSON as text of several lines; all but the first begin with `pad`."""
    if type(value) is str:
        return _quoted(value)
    if value is None or value is True or value is False:
        return _WORDS[value]
    if type(value) is dict:
        if not value:
            return "{}"
        inner = pad + "  "
        parts = [f"{inner}{_quoted(key)}: {indented(part, inner)}" for key, part in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{pad}}}"
    if type(value) is list:
        if not value:
            return "[]"
        inner = pad + "  "
        return "[\n" + ",\n".join([inner + indented(part, inner) for part in value]) + f"\n{pad}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def dumps(value: Any) -> str:
    """Return JSON of several lines for standard output: `still`, with what is no JSON refused."""
    return still(json.dumps(value, ensure_ascii=False, allow_nan=False, indent=2))


def still(text: str) -> str:
    r"""Return JSON text of the same value in which nothing steers a terminal or a CI system: U+009B is written `\u009b`.

    Half of a surrogate pair, which no strict reader takes, becomes U+FFFD.
    """
    text = text if text.isascii() and "\x7f" not in text else _ODD.sub(_escaped, text)
    return _ORDER.sub(r"#\\u0023", text) if "##" in text else text


def _quoted(text: str) -> str:
    told = encode_basestring(text)
    return told if told.isprintable() and "##" not in told else still(told)


def _escaped(run: re.Match[str]) -> str:
    return run[0] if run[0].isprintable() else "".join(map(_char, run[0]))


def _char(char: str) -> str:
    if "\ud800" <= char <= "\udfff":
        return "\ufffd"
    if char.isprintable() or char == "\u3000":
        return char
    return json_escape(char)
