"""Where the history is kept: a file in the state folder, or any database that SQLAlchemy knows."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditor.errors import Text, UsageError

if TYPE_CHECKING:
    from sqlalchemy import Engine

FILE = "history.db"

_UNMADE = Text(
    "{}: the history cannot be created: {}. Name another with --history, or leave it out with --no-history.",
    "{}: 履歴を作成できません（{}）。--history で別の保存先を指定するか、--no-history で記録を省略してください。",
)
_ARGUMENTS: dict[str, dict[str, Any]] = {
    # Seconds that a run waits for another one to finish writing.
    "sqlite": {"timeout": 60},
    # Titles are in two languages, whatever the database's own encoding is.
    "postgresql": {"client_encoding": "utf8"},
}


def default_url(state_dir: Path | None = None) -> str:
    """Return the history in the state folder: under `state_dir`, else where AUDITOR_HISTORY or XDG_STATE_HOME say."""
    if state_dir is None and (url := os.environ.get("AUDITOR_HISTORY")):
        return url
    from auditor.remedy.journal import folder

    return f"sqlite:///{folder(state_dir).parent / FILE}"


def exists(url: str) -> bool:
    """Tell whether there is a history to open: a file that does not exist is none, a server may have one."""
    path = _path(url)
    return path is None or path.exists()


def shown(url: str) -> str:
    """Return a URL without what may be a secret in it: its password, and its options."""
    head, separator, rest = url.partition("://")
    if not separator:
        return url
    rest = rest.partition("?")[0]
    _, at, place = rest.rpartition("@")
    return f"{head}://{f'***@{place}' if at else rest}"


def _path(url: str) -> Path | None:
    if "://" not in url:
        return Path(url)
    return Path(url.partition("///")[2]) if url.startswith("sqlite:///") and len(url) > len("sqlite:///") else None


def engine_of(url: str, *, make: bool = True) -> Engine:
    """Return the engine of a URL, or of a file's name, whose folder is made unless `make` is false.

    Raises `UsageError` for a URL that leads nowhere, and for a folder that cannot be made.
    """
    try:
        from sqlalchemy import create_engine, event
        from sqlalchemy.engine import make_url
        from sqlalchemy.exc import ArgumentError, NoSuchModuleError
    except ImportError as error:
        sentence = "The history needs SQLAlchemy, which is not installed."
        raise UsageError(sentence, "pip install 'auditor[history]'.") from error
    path = _path(url)
    try:
        parsed = make_url(url if "://" in url else f"sqlite:///{url}")
        if path is not None and make:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not path.exists():
                # SQLite would make it readable to whom the umask allows.
                path.touch(mode=0o600)
        parsed = _driven(parsed)
        engine = create_engine(parsed, connect_args=_ARGUMENTS.get(parsed.get_backend_name(), {}))
    except (ArgumentError, NoSuchModuleError, ImportError, ValueError) as error:
        # Other sentences of SQLAlchemy's quote the URL, or its port.
        known = isinstance(error, NoSuchModuleError | ImportError)
        reason = str(error).splitlines()[0] if known else "it is no database URL"
        raise UsageError(
            f"--history: {reason.rstrip('.')}.", "Such as sqlite:///history.db or postgresql://…"
        ) from None
    except OSError as error:
        raise UsageError(_UNMADE.fill(path, error.strerror or error)) from None
    if parsed.drivername.startswith("sqlite"):
        event.listen(engine, "connect", _strict)
    return engine


def _driven(url: Any) -> Any:
    """Return the URL with the driver that is installed: SQLAlchemy takes psycopg2 unless told otherwise."""
    from importlib.util import find_spec

    if url.drivername == "postgresql" and find_spec("psycopg2") is None and find_spec("psycopg") is not None:
        return url.set(drivername="postgresql+psycopg")
    return url


def _strict(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
