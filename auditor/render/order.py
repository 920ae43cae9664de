"""Which findings are shown, in which order, and how their values become text or plain JSON."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from enum import Enum

from auditor.errors import Place
from auditor.model import Finding, Json, Severity, Unread, Verdict, in_words

_VERDICTS = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS, Verdict.NOT_APPLICABLE)


def shown(findings: Iterable[Finding], min_severity: Severity) -> list[Finding]:
    """Return the findings at or above a severity."""
    return [finding for finding in findings if finding.severity.rank >= min_severity.rank]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings as a person reads them: what gates first, failed before unknown, critical before info."""
    return sorted(
        findings,
        key=lambda one: (not one.gates, _VERDICTS.index(one.verdict), -one.severity.rank, one.pipeline, *identity(one)),
    )


def by_identity(findings: Iterable[Finding]) -> list[Finding]:
    """Return findings so that each stays at its place from run to run, whatever its verdict."""
    return sorted(findings, key=lambda one: (one.pipeline, *identity(one)))


def identity(finding: Finding) -> tuple[str, ...]:
    """Return what tells a finding from its neighbours in one pipeline."""
    return (finding.rule, finding.node, finding.fingerprint)


def jsonable(value: Json) -> Json:
    """Return a value that `json` can write and UTF-8 can hold, whatever language the reader chose.

    An unread part becomes `{"unread": {reason, …}}`, a sentence its English.
    """
    if isinstance(value, Unread):
        return {"unread": unread_json(value)}
    if isinstance(value, Enum):
        return jsonable(value.value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {clean(str(key)): jsonable(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [jsonable(part) for part in value]
    if isinstance(value, set | frozenset):
        return [jsonable(part) for part in sorted(value, key=str)]
    return clean(str(value))


def unread_json(unread: Unread) -> dict[str, str]:
    """Return why something is unread as plain JSON."""
    return {"reason": clean(unread.reason), "permission": clean(unread.permission), "detail": clean(str(unread.detail))}


def clean(text: str) -> str:
    """Return text that UTF-8 can hold: a lone surrogate becomes U+FFFD."""
    return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if not text.isascii() else text


def value_text(value: Json, lang: str = "en") -> str:
    """Return a wanted or found value as short text: words bare, documents as JSON on one line, nothing for `None`."""
    if isinstance(value, Unread):
        return str(value)
    plain = jsonable(in_words(value, lang))
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False, separators=(", ", ": "))


def file_of(place: Place | None, base: str) -> str:
    """Return the file of a place with forward slashes, relative to `base` where it lies inside; empty without one."""
    if place is None or not place.file:
        return ""
    file = place.file.replace("\\", "/")
    root = base.replace("\\", "/").rstrip("/")
    if root and file.startswith(root + "/"):
        file = file[len(root) + 1 :]
    while file.startswith("./"):
        file = file[2:]
    return clean(file)


def place_of(finding: Finding) -> Place:
    """Return where a finding is best shown: the first evidence that has a line, else the node's declaration."""
    places = [one.location for one in finding.evidence if one.location is not None and one.location.file]
    return next((place for place in places if place.line), places[0] if places else finding.resource.node.place)
