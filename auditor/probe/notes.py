"""What a probe has made, noted on disk before it is made, so that a probe that was killed can be cleaned up."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from auditor.errors import UsageError
from auditor.files import write_atomic
from auditor.files.portable import alive
from auditor.model import EMPTY, Json, Pipeline
from auditor.probe.aim import Aim, Side
from auditor.remedy.journal import folder as runs_folder

VERSION = "probe-v1"
_LONGEST = 86_400.0


@dataclass(frozen=True, slots=True)
class Note:
    """One probe's note: what it writes and where, the upload it began, and the version it made (empty: not known)."""

    id: str
    pipeline: str
    key: str
    buckets: Mapping[str, Mapping[str, str]] = field(default_factory=lambda: EMPTY)
    upload: str = ""
    version: str = ""
    process: int = 0
    path: Path = Path()

    @property
    def busy(self) -> bool:
        """Tell whether the process that made the note is still at work on it; none is after a day."""
        if self.process in {0, os.getpid()} or time.time() - self.path.stat().st_mtime > _LONGEST:
            return False
        return alive(self.process)

    def upgraded(self, **known: str) -> Note:
        """Return the note with more in it, after it is on disk."""
        better = replace(self, **known)  # type: ignore[arg-type]
        _write(better)
        return better

    def forget(self) -> None:
        """Take the note away: there is nothing left to clean up."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()

    def side(self, name: str, pipeline: Pipeline) -> Side | None:
        """Return a bucket of the note, with the account as the pipeline declares it now; `None` when they do not agree."""
        known, node = self.buckets.get(name), pipeline.nodes.get(name)
        if known is None or node is None or (node.id, node.account.id) != (known["bucket"], known["account"]):
            return None
        return Side(name, node.account, node.id, known["region"])


def folder(state_dir: Path | None) -> Path:
    """Return the folder of the notes, beside the journals of runs."""
    return runs_folder(state_dir).parent / "probes"


def begin(aim: Aim, state_dir: Path | None) -> Note:
    """Return a probe's note, after it is on disk; raises `UsageError` when it cannot be written."""
    place = folder(state_dir)
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        hint = "Name a writable folder with --state-dir."
        raise UsageError(f"{place}: {(error.strerror or 'it cannot be made').lower()}.", hint) from None
    buckets = {
        side.node: {"bucket": side.bucket, "account": side.account.id, "region": side.region}
        for side in (aim.source, aim.destination)
        if side is not None
    }
    note = Note(aim.id, aim.pipeline.name, aim.key, buckets, process=os.getpid(), path=place / f"{aim.id}.json")
    _write(note)
    return note


def _write(note: Note) -> None:
    told = {
        "version": VERSION,
        "process": note.process,
        "id": note.id,
        "pipeline": note.pipeline,
        "key": note.key,
        "buckets": {name: dict(side) for name, side in note.buckets.items()},
        "upload": note.upload,
        "object": note.version,
    }
    write_atomic(note.path, json.dumps(told, indent=2) + "\n")


def notes(state_dir: Path | None) -> Iterator[Note]:
    """Yield the notes of probes that have not cleaned up after themselves, oldest first; others' files are passed over."""
    found = sorted(folder(state_dir).glob("*.json"), key=lambda path: (path.stat().st_mtime, path.name))
    for path in found:
        try:
            told: Json = json.loads(path.read_text(encoding="utf-8"))
            if told["version"] == VERSION:
                yield Note(
                    told["id"],
                    told["pipeline"],
                    told["key"],
                    told["buckets"],
                    told["upload"],
                    told["object"],
                    told["process"],
                    path,
                )
        except (OSError, ValueError, KeyError, TypeError):
            continue
