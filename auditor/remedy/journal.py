"""The journal of a run: what was about to be written, what was, and what was undone; on disk before AWS is called."""

from __future__ import annotations

import json
import os
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from auditor.errors import UsageError
from auditor.files.portable import FLAGS, lock, sync, sync_folder
from auditor.model import Json
from auditor.remedy.chain import BEGINNING, VERSION, Entry, broken, lines, parsed, vet
from auditor.remedy.change import Change, Plan, digest_of
from auditor.remedy.saved import dump, restored

if TYPE_CHECKING:
    from typing_extensions import Self

_RUN = re.compile(r"^\d{8}T\d{12}Z-[0-9a-f]{8}$")
_LAST_LINE = 4_096
# What a plan raises that has the right digests and the wrong shape.
_MISSHAPEN = (KeyError, TypeError, ValueError, AttributeError)


@dataclass(frozen=True, slots=True)
class Run:
    """One run as its journal tells it. `busy`: another process is working on it at this moment."""

    id: str
    path: Path
    plan: Plan
    entries: tuple[Entry, ...]
    torn: bool = False
    busy: bool = False

    @property
    def state(self) -> str:
        """Return what the run came to: `running`, `unfinished` (it was killed half-way), or how it ended.

        It ended `finished` (everything was made), `incomplete` (something was not), `rolled_back`, or
        `rolled_back_partly`.
        """
        if self.busy:
            return "running"
        mark = next(entry for entry in reversed(self.entries) if entry.event in _MARKS)
        return _MARKS[mark.event][0 if mark.data.get("complete", True) else 1]

    @property
    def wrote(self) -> bool:
        """Tell whether the run came so far as to write something."""
        return any(entry.event == "about" for entry in self.entries)

    @property
    def undoing(self) -> bool:
        """Tell whether the run was last being rolled back."""
        mark = next(entry for entry in reversed(self.entries) if entry.event in _MARKS)
        return mark.event in {"rollback", "rollback_end"}

    @property
    def started_at(self) -> str:
        """Return when the run began (UTC, ISO 8601)."""
        return self.entries[0].at

    def before(self, change: Change) -> Json:
        """Return what a facet was before the run wrote it, or what the plan saw if the run did not come so far."""
        found = (entry for entry in self.entries if entry.change == change.id and entry.event == "about")
        first = next(found, None)
        return first.data["before"] if first else change.before


_MARKS = {
    "begin": ("unfinished", "unfinished"),
    "resume": ("unfinished", "unfinished"),
    "end": ("finished", "incomplete"),
    "rollback": ("unfinished", "unfinished"),
    "rollback_end": ("rolled_back", "rolled_back_partly"),
}
"""The lines that begin or end a run's work, and the state after each: complete, and not."""


def folder(state_dir: Path | None = None) -> Path:
    """Return the folder of the journals: under `state_dir`, else under XDG_STATE_HOME or `~/.local/state`.

    Raises `UsageError` for a user without a home folder.
    """
    if state_dir is not None:
        return state_dir / "runs"
    home = os.environ.get("XDG_STATE_HOME", "")
    # The XDG specification says that a relative path is to be ignored.
    base = Path(home) if os.path.isabs(home) else _home() / ".local" / "state"  # noqa: PTH117 - no Path for ""
    return base / "auditor" / "runs"


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError:
        # A container's user that is a number alone, and HOME not set.
        sentence = "The user has no home folder, so there is no place for journals and history."
        raise UsageError(sentence, "Name a folder with --state-dir, or set XDG_STATE_HOME.") from None


class Journal:
    """An open journal, locked for this process; a context manager that closes it."""

    def __init__(self, path: Path, handle: int, entries: tuple[Entry, ...], last: str, *, fresh_line: bool) -> None:
        self.path = path
        self._handle: int | None = handle
        self._entries = list(entries)
        self._last = last
        self._fresh_line = fresh_line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def id(self) -> str:
        """Return the run's id, which sorts by time."""
        return self.path.stem

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Return all lines so far."""
        return tuple(self._entries)

    def write(self, event: str, **data: Json) -> None:
        """Append a line; when this returns, the line is on the disk. Raises `UsageError` when it cannot be."""
        assert self._handle is not None, "the journal is closed"
        entry = Entry(len(self._entries), _now(), event, data)
        body = {"seq": entry.seq, "at": entry.at, "event": event, **data, "previous": self._last}
        digest = digest_of(body)
        text = json.dumps({**body, "digest": digest}, ensure_ascii=False, separators=(",", ":"), default=str)
        try:
            _write_whole(self._handle, (("" if self._fresh_line else "\n") + text + "\n").encode())
            sync(self._handle)
        except OSError as error:
            sentence = f"{self.path}: the journal cannot be written: {(error.strerror or 'unknown error').lower()}."
            raise UsageError(sentence, "Nothing is written to AWS without it; make room and resume the run.") from None
        self._fresh_line = True
        self._last = digest
        self._entries.append(entry)

    def close(self) -> None:
        """Close the file, and with it the lock; a second call does nothing."""
        if self._handle is not None:
            os.close(self._handle)
        self._handle = None


def begin(plan: Plan, state_dir: Path | None = None) -> Journal:
    """Return a new journal whose first line, already on the disk, holds the whole plan. Raises `UsageError`."""
    place = folder(state_dir)
    name = new_id()
    path = place / f"{name}.jsonl"
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | FLAGS, 0o600)
        _lock(handle, path)
        sync_folder(place)
    except OSError as error:
        sentence = f"{path}: the journal cannot be created: {(error.strerror or 'unknown error').lower()}."
        raise UsageError(sentence, "Name a writable folder with --state-dir, or set XDG_STATE_HOME.") from None
    journal = Journal(path, handle, (), BEGINNING, fresh_line=True)
    journal.write("begin", version=VERSION, run=name, plan=dump(plan))
    return journal


def new_id() -> str:
    """Return a run's id: when it began (UTC, to the microsecond), so that ids sort by time, and eight random digits."""
    return f"{datetime.now(timezone.utc):%Y%m%dT%H%M%S%fZ}-{secrets.token_hex(4)}"


def reopen(run: Run) -> Journal:
    """Return a run's journal to go on with it, locked. Raises `UsageError` when another process has it."""
    handle = os.open(run.path, os.O_WRONLY | os.O_APPEND | FLAGS)
    try:
        _lock(handle, run.path)
        entries, last, whole = lines(run.path)
    except BaseException:
        os.close(handle)
        raise
    return Journal(run.path, handle, entries, last, fresh_line=whole)


def runs(state_dir: Path | None = None) -> tuple[Run, ...]:
    """Return all runs, oldest first. Raises `SourceError` for a journal that was tampered with."""
    return tuple(run for path in _journals(folder(state_dir)) if (run := _read(path)) is not None)


def find(name: str, state_dir: Path | None = None) -> Run:
    """Return the run of an id, or of the beginning of one. Raises `UsageError`.

    `last` is the newest run that wrote something and was not rolled back; the newest of all when there is none. Every
    line of the run's journal has its shape: `SourceError` is raised for any other.
    """
    place = folder(state_dir)
    known = [path.stem for path in _journals(place)]
    if name == "last":
        undoable = [run for run in runs(state_dir) if run.wrote and run.state != "rolled_back"]
        chosen = [run.id for run in undoable[-1:]] or known[-1:]
    else:
        chosen = [one for one in known if one.startswith(name)]
    if len(chosen) != 1:
        what = "is no run" if not chosen else f"may be any of {len(chosen)} runs"
        raise UsageError(f"`{name}` {what} in {place}.", "`auditor runs` lists them.")
    run = _read(place / f"{chosen[0]}.jsonl", whole=True)
    if run is None:
        raise UsageError(f"The run {chosen[0]} ended before its plan was on the disk; nothing was written to AWS.")
    return run


def unfinished(state_dir: Path | None = None) -> tuple[Run, ...]:
    """Return the runs that stopped half-way, oldest first; those at work in another process are not among them.

    Of runs that ended only the last line is read. Raises `SourceError` for any other that was tampered with.
    """
    waiting = [path for path in _journals(folder(state_dir)) if not _ended(path)]
    found = (run for path in waiting if (run := _read(path)) is not None)
    return tuple(run for run in found if run.state == "unfinished")


def _journals(place: Path) -> list[Path]:
    return sorted(path for path in place.glob("*.jsonl") if _RUN.match(path.stem)) if place.is_dir() else []


def _ended(path: Path) -> bool:
    """Tell whether the last line of a journal ends a run; such a line is short."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _LAST_LINE))
        body = parsed(file.read().rstrip(b"\n").rpartition(b"\n")[2])
    return body is not None and body["event"] in {"end", "rollback_end"}


def _read(path: Path, *, whole: bool = False) -> Run | None:
    """Return the run of a file; `None` when not even its first line is whole. `whole`: look at the shape of all of it."""
    entries, _, ended = lines(path)
    if not entries:
        return None
    if whole:
        vet(path)
    first = entries[0].data
    if entries[0].event != "begin" or first.get("version") != VERSION or first.get("run") != path.stem:
        raise broken(path, 1, f"it does not begin a {VERSION} of this run")
    try:
        plan = restored(first["plan"], shown=False)
    except _MISSHAPEN:
        raise broken(path, 1, "its plan is not what a plan is") from None
    return Run(path.stem, path, plan, entries, not ended, _is_locked(path))


def _write_whole(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def _lock(handle: int, path: Path) -> None:
    if not lock(handle):
        raise UsageError(f"Another process is working on the run {path.stem}.", "Wait until it ends.")


def _is_locked(path: Path) -> bool:
    handle = os.open(path, os.O_RDONLY | FLAGS)
    try:
        return not lock(handle, shared=True)
    finally:
        os.close(handle)


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
