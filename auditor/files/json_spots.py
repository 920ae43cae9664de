"""Where the parts of a JSON text stand, when it is known to be well formed: one pass over its signs."""

from __future__ import annotations

import json
import re

from auditor.files.document import Spot, Step

_SIGN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\]]|[^\s"{}\[\],:]+')


def spots(text: str) -> Spot:
    """Return the places of a well-formed JSON text without duplicate keys; of any other text they mean nothing."""
    whole = Spot()
    ends = [found.start() for found in re.finditer("\n", text)]
    ends.append(len(text))
    line, begun, end = 1, -1, ends[0]
    # The innermost open value: its parts, and (of a mapping) the key whose value comes next.
    parts: dict[Step, Spot] = {}
    inside, key, key_line, key_column = "", "", 0, 0
    outer: list[tuple[dict[Step, Spot], str]] = []
    for found in _SIGN.finditer(text):
        sign, at = found[0], found.start()
        if sign in "}]":
            parts, inside = outer.pop()
            continue
        while at > end:
            begun, end = end, ends[line]
            line += 1
        column = at - begun
        if inside == "{" and not key_line:
            key = json.loads(sign) if "\\" in sign else sign[1:-1]
            key_line, key_column = line, column
            continue
        if inside == "{":
            spot = parts[key] = Spot(line, column, key_line, key_column)
            key_line = 0
        elif inside == "[":
            spot = parts[len(parts)] = Spot(line, column)
        else:
            spot = whole = Spot(line, column)
        if sign in "{[":
            outer.append((parts, inside))
            spot.parts = parts = {}
            inside = sign
    return whole
