"""What differs between two dumps, line by line: `+` came, `-` went, `~` has another value."""

import re


def changes(before, after, route=""):
    """Return the lines; a thing that came or went whole is one line, and things in lists are told apart by place."""
    if isinstance(before, dict) and isinstance(after, dict):
        return [
            line for key in sorted({*before, *after}) for line in _at(before, after, key, f"{route}.{key}".strip("."))
        ]
    if isinstance(before, list) and isinstance(after, list):
        places = range(max(len(before), len(after)))
        pairs = (dict(enumerate(before)), dict(enumerate(after)))
        return [line for place in places for line in _at(*pairs, place, f"{route}[{place}]")]
    return [] if before == after else [f"~ {route}"]


def _at(before, after, key, route):
    if key not in before:
        return [f"+ {route}"]
    if key not in after:
        return [f"- {route}"]
    return changes(before[key], after[key], route)


def plainly(line):
    """Return a line with the accounts by their names, and keys by none."""
    line = line.replace("444455556666.", "analytics.", 1).replace("111122223333.", "production.", 1)
    line = re.sub(r"arn:aws:[a-z]+:[a-z0-9-]+:\d{12}:(key/)?", lambda found: "" if found[1] else found[0], line)
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "KEY", line).replace("regions.ap-northeast-1.", "")
