"""Spoil a file in one to four places: bytes, characters, or the tree that it holds."""

from __future__ import annotations

import copy
import json
import random

TOKENS = (
    "",
    "\0",
    "\ud800",
    "\ufeff",
    "\u202e",
    "\x1b[2J",
    "&a [*a, *a]",
    "*a",
    "&a",
    "<<: *a",
    "!!python/object/apply:os.system [id]",
    "!Ref x",
    "!Sub '${'",
    "${",
    "${a.b[0]}",
    "{{resolve:ssm:x}}",
    "---\n",
    "...\n",
    "? ",
    "- ",
    ": ",
    "{",
    "}",
    "[",
    "]",
    '"',
    "'",
    "\\u",
    "|\n",
    ">-\n",
    "%YAML 9.9\n",
    "0x7fffffffffffffff",
    "1e999",
    "-1e-999",
    "9" * 500,
    "NaN",
    ".inf",
    "0o777",
    "2026-13-45",
    "yes",
    "~",
    "null",
    "arn:aws:s3:::",
    "arn:aws:iam::111122223333:role/" + "x" * 80,
    "*" * 40 + "?",
    "a" * 3000,
    "[" * 300,
    "{a: " * 150,
)
VALUES = (
    None,
    True,
    False,
    0,
    -1,
    1,
    10**30,
    -(10**400),
    1e308,
    0.1,
    "",
    "*",
    "${x.y}",
    "${source_bucket.Arn}",
    "\0",
    "\ud83d",
    "Enabled",
    "arn:aws:s3:::b",
    "arn:aws:iam::111122223333:root",
    [],
    {},
    [[]],
    [None],
    {"": None},
    {"Ref": "Nothing"},
    {"Fn::Sub": "${"},
    {"Fn::GetAtt": []},
    {"Fn::If": ["x"]},
    {"$unread": {}},
    {"$as-is": []},
    {"en": "x", "ja": "y"},
)


def spoilt(seed: bytes, chance: random.Random) -> bytes:
    """Return a spoilt copy of a text."""
    way = chance.random()
    if way < 0.45:
        try:
            return _encoded(_grown(json.loads(seed), chance))
        except (ValueError, RecursionError):
            pass
    if way < 0.85:
        return _texts(seed, chance)
    return _bytes(seed, chance)


def _encoded(value) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")


def _grown(value, chance: random.Random):
    whole = [copy.deepcopy(value)]
    for _ in range(chance.randint(1, 4)):
        holder, key = _somewhere(whole, chance)
        _change(holder, key, chance)
    return whole[0] if whole else None


def _somewhere(whole, chance: random.Random):
    """Go down at random and return a container and a key in it."""
    holder, key = whole, 0
    while True:
        part = holder[key]
        if not isinstance(part, dict | list) or not part or chance.random() < 0.15:
            return holder, key
        holder = part
        key = chance.choice(list(part)) if isinstance(part, dict) else chance.randrange(len(part))


def _change(holder, key, chance: random.Random) -> None:
    way, part = chance.randrange(8), holder[key]
    if way == 0 and len(holder) > 1:
        del holder[key]
    elif way == 1 and isinstance(holder, dict):
        holder[chance.choice([*holder, "Statement", "Rules", "version", "\ud800", "${x}"])] = part
    elif way == 2 and isinstance(holder, list):
        holder.insert(key, copy.deepcopy(part))
    elif way == 3:
        holder[key] = [part]
    elif way == 4:
        holder[key] = {"Ref": part} if chance.random() < 0.5 else {str(key): part}
    elif way == 5 and isinstance(part, str):
        at = chance.randint(0, len(part))
        holder[key] = part[:at] + chance.choice(TOKENS) + part[at:]
    elif way == 6:
        deep = part
        for _ in range(chance.choice([3, 60, 250])):
            deep = [deep]
        holder[key] = deep
    else:
        holder[key] = chance.choice(VALUES)


def _texts(seed: bytes, chance: random.Random) -> bytes:
    text = seed.decode("utf-8", "surrogateescape")
    for _ in range(chance.randint(1, 4)):
        at, end = sorted((chance.randint(0, len(text)), chance.randint(0, len(text))))
        way = chance.randrange(6)
        if way == 0:
            text = text[:at] + chance.choice(TOKENS) + text[at:]
        elif way == 1:
            text = text[:at] + text[min(end, at + 40) :]
        elif way == 2:
            text = text[:at] + text[at : min(end, at + 200)] * 2 + text[at:]
        elif way == 3:
            text = text[:end]
        elif way == 4:
            text = _line(text, chance)
        else:
            text = (
                text[:at] + chr(chance.choice([9, 10, 13, 32, 39, 58, 92, 123, 0x85, 0x2028, 0xFFFF])) + text[at + 1 :]
            )
    return text[:200_000].encode("utf-8", "surrogatepass" if chance.random() < 0.5 else "replace")


def _line(text: str, chance: random.Random) -> str:
    """Give a line another indentation, or put it elsewhere."""
    lines = text.split("\n")
    at = chance.randrange(len(lines))
    line = lines.pop(at)
    lines.insert(chance.randint(0, len(lines)), " " * chance.randint(0, 9) + line.lstrip())
    return "\n".join(lines)


def _bytes(seed: bytes, chance: random.Random) -> bytes:
    content = bytearray(seed)
    for _ in range(chance.randint(1, 8)):
        if content:
            content[chance.randrange(len(content))] = chance.randrange(256)
    return bytes(content)
