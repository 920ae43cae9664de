"""Files as they come from and go to disk: bounded reading with one sentence for each refusal, and atomic writing."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from auditor.errors import InputError, Mistake, Place, UsageError

if TYPE_CHECKING:
    from importlib.abc import Traversable

TEXT_BYTES = 10_000_000


def shipped(name: str) -> Traversable:
    """Return the data folder `rules` or `reports`: inside the package in a wheel, beside it in a checkout."""
    inside = files("auditor") / name
    return inside if inside.is_dir() else Path(__file__).resolve().parents[2] / name


def read_text(path: Path | Traversable, *, limit: int = TEXT_BYTES, name: str | None = None) -> str:
    """Return a regular file's UTF-8 text of at most `limit` bytes, or raise `InputError` with one sentence.

    Refused are folders, pipes and devices (never waited for), larger files, text that is not UTF-8, and NUL characters.
    """
    file = name or str(path)
    try:
        content = _bytes_of(path, limit, file) if isinstance(path, Path) else path.read_bytes()
    except OSError as error:
        _refuse(file, _reason(error))
    except ValueError:
        _refuse(file, "The path holds a NUL character.")
    if len(content) > limit:
        _refuse(file, f"The file is larger than {limit:,} bytes.", "Split it, or check that it is the right file.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        _refuse(Place(file, line, column), "The file is not UTF-8 text.", "Save it as UTF-8.")
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        _refuse(Place(file, line), "The file holds a NUL character: it is no text file.")
    return text


def _bytes_of(path: Path, limit: int, file: str) -> bytes:
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        if stat.S_ISDIR(mode):
            _refuse(file, "This is a folder, and a file is expected.", "Name a file in it.")
        _refuse(file, "This is a pipe or a device, and a regular file is expected.", "Save it to a file first.")
    with open(handle, "rb") as stream:  # noqa: PTH123 - an open handle, so that what was checked is what is read
        return stream.read(limit + 1)


def _reason(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "There is no such file."
    if isinstance(error, PermissionError):
        return "The file may not be read with your permissions."
    if isinstance(error, NotADirectoryError):
        return "A part of the path is a file, not a folder."
    words = {"ELOOP": "The symbolic links of this path run in a circle.", "ENXIO": "This is a socket, not a file."}
    code = _code(error)
    return words.get(code, f"The file cannot be read: {(error.strerror or code).lower()}.")


def _code(error: OSError) -> str:
    import errno

    return errno.errorcode.get(error.errno or 0, "unknown error")


def _refuse(file: str | Place, sentence: str, hint: str = "") -> NoReturn:
    raise InputError([Mistake(file if isinstance(file, Place) else Place(file), sentence, hint)]) from None


def write_atomic(path: Path, text: str | bytes, *, mode: int = 0o600) -> None:
    """Write a file whole or not at all: a reader sees the old or the new content, also after a crash.

    A symbolic link is followed; an existing pipe or device (`/dev/null`) is written to directly. Raises `UsageError`.
    """
    content = text.encode("utf-8") if isinstance(text, str) else text
    try:
        target = Path(os.path.realpath(path, strict=False))
        if target.exists() and not target.is_file():
            if target.is_dir():
                raise IsADirectoryError
            target.write_bytes(content)
            return
        _replace(target, content, mode)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {_obstacle(error, path)}", "Choose another place with --output.") from None


@contextlib.contextmanager
def writing(path: Path, *, mode: int = 0o600) -> Iterator[TextIO]:
    """Yield a stream of UTF-8 text that becomes the file when the block ends, whole or not at all, as `write_atomic` does.

    What is written need never be in memory. Raises `UsageError`.
    """
    try:
        target = Path(os.path.realpath(path, strict=False))
    except ValueError as error:
        raise UsageError(f"{path!s}: {_obstacle(error, path)}", "Choose another place with --output.") from None
    try:
        if target.is_dir():
            raise IsADirectoryError
        if target.exists() and not target.is_file():
            with target.open("w", encoding="utf-8", newline="") as stream:
                yield stream
            return
        # The handle is one that mkstemp opened.
        with _replacing(target) as handle, open(handle, "w", encoding="utf-8", newline="") as stream:  # noqa: PTH123
            yield stream
            stream.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
    except OSError as error:
        raise UsageError(f"{path}: {_obstacle(error, path)}", "Choose another place with --output.") from None


def _obstacle(error: OSError | ValueError, path: Path) -> str:
    if isinstance(error, IsADirectoryError):
        return "This is a folder, so no file can be written here."
    if isinstance(error, FileNotFoundError):
        return f"The folder {path.parent} does not exist."
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"The file cannot be written: {(reason or 'unknown error').lower()}."


def _replace(target: Path, content: bytes, mode: int) -> None:
    # The handle is one that mkstemp opened.
    with _replacing(target) as handle, open(handle, "wb") as stream:  # noqa: PTH123
        stream.write(content)
        stream.flush()
        os.fchmod(handle, mode)
        os.fsync(handle)


@contextlib.contextmanager
def _replacing(target: Path) -> Iterator[int]:
    """Yield the handle of a file beside the target that takes its place when the block ends well."""
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".tmp", dir=target.parent)
    try:
        yield handle
        os.replace(name, target)  # noqa: PTH105 - both are names here
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
