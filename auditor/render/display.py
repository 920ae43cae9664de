"""What a terminal shows: control characters made visible, and text measured and broken by display width."""

from __future__ import annotations

import re
import unicodedata

from auditor.steering import escape, without_orders

_NO_START = frozenset("、。，．・：；？！）］｝」』】〉》〕’”ー々ぁぃぅぇぉっゃゅょゎァィゥェォッャュョヮ%％…,.)]}:;")
_NO_END = frozenset("（［｛「『【〈《〔‘“([{")
_SEPARATORS = "./:,"
_TOKEN = re.compile(r" +|[^ ]")


def plain(text: object) -> str:
    r"""Return text that can steer neither a terminal nor a CI system that reads its log.

    Controls, bidi marks and lone surrogates become `\x1b`, `\u202e`; `::error::` becomes `:\x3aerror::`.
    """
    told = without_orders(str(text))
    if told.isascii() and told.isprintable():
        return told
    return "".join(char if _harmless(char) else escape(char) for char in told)


def width(text: str) -> int:
    """Return the columns that a plain text takes on a terminal (Japanese characters take two)."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    return max(wcswidth(text), 0)


def pad(text: str, columns: int) -> str:
    """Return a plain text filled with spaces to a display width."""
    return text + " " * max(columns - width(text), 0)


def clip(text: str, columns: int) -> str:
    """Return a plain text cut to a display width, with an ellipsis where something is missing."""
    if width(text) <= columns:
        return text
    kept = ""
    for char in text:
        if width(kept + char) > columns - 1:
            break
        kept += char
    return kept.rstrip() + "…"


def wrap(text: str, columns: int) -> list[str]:
    """Return the lines of a plain text, none wider than `columns`.

    Breaks at spaces, and between Japanese characters where typesetting allows it; a word longer than a line is cut.
    """
    told = " ".join(text.split())
    if width(told) <= columns:
        return [told]
    lines: list[str] = []
    line, used = "", 0
    for atom in _atoms(told):
        size = width(atom)
        if used + width(atom.rstrip()) <= columns:
            line, used = line + atom, used + size
            continue
        if line.strip():
            lines.append(line.rstrip())
        *whole, line = _cut(atom, columns)
        lines += whole
        used = width(line)
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _atoms(text: str) -> list[str]:
    """Return the pieces between which a line may break, spaces kept at the end of the piece before them."""
    atoms: list[str] = []
    for char in _TOKEN.findall(text):
        last = atoms[-1] if atoms else ""
        if not last or (not char.isspace() and _breaks(last[-1], char)):
            atoms.append(char)
        else:
            atoms[-1] += char
    return atoms


def _breaks(before: str, after: str) -> bool:
    if after in _NO_START or before in _NO_END:
        return False
    return before == " " or _wide(before) or _wide(after)


def _wide(char: str) -> bool:
    return not char.isascii() and unicodedata.east_asian_width(char) in "WF"


def _cut(atom: str, columns: int) -> list[str]:
    """Return the pieces of an atom wider than a line, cut after a separator of routes and ARNs where one is near."""
    pieces = [""]
    for char in atom:
        if pieces[-1] and width((pieces[-1] + char).rstrip()) > columns:
            full = pieces.pop()
            at = max(full.rfind(mark) for mark in _SEPARATORS) + 1
            pieces += [full[:at], full[at:]] if at > len(full) // 2 else [full, ""]
        pieces[-1] += char
    return pieces


def _harmless(char: str) -> bool:
    if char == "\u3000":
        return True
    return unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"} and ord(char) & 0xFFFE != 0xFFFE
