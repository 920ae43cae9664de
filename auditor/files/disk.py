"""Files as they come from and go to disk: bounded reading with one sentence for each refusal, and atomic writing."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, NoReturn, TextIO

from auditor.errors import InputError, Mistake, Place, UsageError
from auditor.files.portable import FLAGS, set_mode, sync, sync_folder

if TYPE_CHECKING:
    from importlib.abc import Traversable

TEXT_BYTES = 10_000_000
_PIECE = 1_000_000
_OPENS_FOLDERS = os.name != "nt"


def shipped(name: str) -> Traversable:
    """Return the data folder `rules` or `reports`: inside the package in a wheel, beside it in a checkout."""
    inside = files("auditor") / name
    return inside if inside.is_dir() else Path(__file__).resolve().parents[2] / name


def read_text(path: Path | Traversable, *, limit: int = TEXT_BYTES, name: str | None = None) -> str:
    """Return a regular file's UTF-8 text of at most `limit` bytes, or raise `InputError` with one sentence.

    Refused are folders, pipes and devices (never waited for), larger files, text that is not UTF-8, and NUL characters.
    """
    file = name or str(path)
    content = read_bytes(path, limit=limit, name=name)
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


def read_bytes(path: Path | Traversable, *, limit: int, name: str | None = None) -> bytes:
    """Return what stands in a regular file of at most `limit` bytes, or raise `InputError` as `read_text` does."""
    file = name or str(path)
    try:
        content = _bytes_of(path, limit, file) if isinstance(path, Path) else path.read_bytes()
    except OSError as error:
        _refuse(file, _reason(error))
    except ValueError:
        _refuse(file, "The path holds a NUL character.")
    if len(content) > limit:
        _refuse_size(file, limit)
    return content


def _bytes_of(path: Path, limit: int, file: str) -> bytes:
    if not _OPENS_FOLDERS and path.is_dir():
        # Windows opens no folder at all, and says that permission is lacking.
        _refuse(file, "This is a folder, and a file is expected.", "Name a file in it.")
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | FLAGS)
    told = os.fstat(handle)
    if not stat.S_ISREG(told.st_mode):
        os.close(handle)
        if stat.S_ISDIR(told.st_mode):
            _refuse(file, "This is a folder, and a file is expected.", "Name a file in it.")
        _refuse(file, "This is a pipe or a device, and a regular file is expected.", "Save it to a file first.")
    with open(handle, "rb") as stream:  # noqa: PTH123 - an open handle, so that what was checked is what is read
        if told.st_size > limit:
            _refuse_size(file, limit)
        return _up_to(stream, told.st_size, limit)


def _up_to(stream: BinaryIO, size: int, limit: int) -> bytes:
    """Return at most one byte more than `limit`; memory is asked for by the file's size, not by the limit.

    A file that grows while it is read, or that has no size (those below /proc), is read on.
    """
    pieces = [stream.read(size + 1)]
    known = len(pieces[0])
    while size < known <= limit and (more := stream.read(min(_PIECE, limit + 1 - known))):
        pieces.append(more)
        known += len(more)
    return b"".join(pieces)


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


def _refuse_size(file: str, limit: int) -> NoReturn:
    _refuse(file, f"The file is larger than {limit:,} bytes.", "Split it, or check that it is the right file.")


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
            set_mode(handle, mode)
            sync(handle)
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
        set_mode(handle, mode)
        sync(handle)


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
    sync_folder(target.parent)
