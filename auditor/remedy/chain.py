"""The lines of a journal as they stand on the disk: each names the digest of the one before it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import InputError, Mistake, Place, SourceError
from auditor.files import JSON_BYTES, Document, load_json, read_bytes, schema_mistakes, shipped
from auditor.model import Json
from auditor.remedy.change import digest_of

VERSION = "journal-v1"
BEGINNING = "0" * 64
"""What the first line names as the digest before it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: its number, when it was written, what it tells of, and what it says."""

    seq: int
    at: str
    event: str
    data: Mapping[str, Json]

    @property
    def change(self) -> str:
        """Return the id of the change that the line tells of, or an empty string."""
        return str(self.data.get("change", ""))


def lines(path: Path) -> tuple[tuple[Entry, ...], str, bool]:
    """Return the lines, the last digest, and whether the file ends with a whole line.

    A process that is killed while it writes leaves a torn last line, which says nothing: it was not yet on the disk
    when the call it speaks of would have left. A torn line may stand before lines that were added later; any other
    line that is not exactly as it was written raises `SourceError`, as does what is no file or larger than 256 MB.
    """
    entries: list[Entry] = []
    last = BEGINNING
    content = _content(path)
    pieces = content.split(b"\n")
    for number, piece in enumerate(pieces, 1):
        if not piece:
            continue
        body = parsed(piece)
        if body is None:
            follower = next((one for one in pieces[number:] if one), None)
            if follower is not None and _follows(follower, last) is None:
                raise broken(path, number, "a line was damaged")
            continue
        if _follows(piece, last) is None or body["seq"] != len(entries):
            raise broken(path, number, "a line was changed, added or taken out")
        last = body["digest"]
        kept = {key: value for key, value in body.items() if key not in {"seq", "at", "event", "previous", "digest"}}
        entries.append(Entry(body["seq"], body["at"], body["event"], kept))
    return tuple(entries), last, not content or content.endswith(b"\n")


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path, limit=JSON_BYTES)
    except InputError as error:
        raise SourceError(error.mistakes) from None


def parsed(piece: bytes) -> Mapping[str, Json] | None:
    """Return what stands in a line; `None` when it is no line of a journal, or not a whole one."""
    try:
        body = json.loads(piece)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) and {"seq", "at", "event", "previous", "digest"} <= set(body) else None


def _follows(piece: bytes, last: str) -> Mapping[str, Json] | None:
    """Return a line's content when its digest is right and names the line before it."""
    body = parsed(piece)
    if body is None or body["previous"] != last:
        return None
    bare = {key: value for key, value in body.items() if key != "digest"}
    return body if digest_of(bare) == body["digest"] else None


def broken(path: Path, line: int, what: str) -> SourceError:
    """Return the sentence for a journal that somebody else wrote in."""
    hint = "Nothing is done with such a journal: compare it with a copy, mend by hand, and move the file away."
    return SourceError([Mistake(Place(str(path), line), f"The journal is not as it was written: {what}.", hint)])


def vet(path: Path) -> None:
    """Raise `SourceError` for a line whose digest is right and whose shape is not: somebody else made it."""
    schemas = {name: load_json(shipped("reports") / "schemas" / f"{name}.json").value for name in (VERSION, "plan-v1")}
    for number, piece in enumerate(_content(path).split(b"\n"), 1):
        body = parsed(piece)
        if body is None:
            continue
        wrong = schema_mistakes(Document(dict(body), str(path)), schemas[VERSION])
        if not wrong and "plan" in body:
            wrong = schema_mistakes(Document(body["plan"], str(path)), schemas["plan-v1"])
        if wrong:
            raise broken(path, number, wrong[0].sentence.rstrip("."))
