"""JSON as `json.dumps(value, ensure_ascii=False, indent=2)` writes it, several times as fast."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import Any

_WORDS = {None: "null", True: "true", False: "false"}


def indented(value: Any, pad: str = "") -> str:
    """Return plain JSON as text of several lines; all but the first begin with `pad`."""
    if type(value) is str:
        return encode_basestring(value)
    if value is None or value is True or value is False:
        return _WORDS[value]
    if type(value) is dict:
        if not value:
            return "{}"
        inner = pad + "  "
        parts = [f"{inner}{encode_basestring(key)}: {indented(part, inner)}" for key, part in value.items()]
        return "{\n" + ",\n".join(parts) + f"\n{pad}}}"
    if type(value) is list:
        if not value:
            return "[]"
        inner = pad + "  "
        return "[\n" + ",\n".join([inner + indented(part, inner) for part in value]) + f"\n{pad}]"
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
