"""What operating systems do differently about files and processes: locks, durability, permissions, who is alive."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import Any

FLAGS: int = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""Flags for `os.open`: the handle is for no child process (Windows never gives it to one), and no newline is translated."""

# Windows locks a range of bytes against everybody's reading and writing, so the byte is one that no file has.
_LOCKED_BYTE = 0x7FFF_FFFE
_QUERY_LIMITED_INFORMATION = 0x1000
_STILL_ACTIVE = 259


def lock(handle: int, *, shared: bool = False) -> bool:
    """Lock an open file for this process until the handle is closed; false when another process holds it.

    `shared` lets others do the same, where the system can (Windows cannot). Raises `OSError` where there are no locks.
    """
    fcntl = _module("fcntl")
    try:
        if fcntl is not None:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        else:
            msvcrt = _module("msvcrt")
            os.lseek(handle, _LOCKED_BYTE, os.SEEK_SET)
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
    except (BlockingIOError, PermissionError):
        # POSIX says EAGAIN, Windows EACCES.
        return False
    return True


def sync(handle: int) -> None:
    """Return when a file's content is on the disk. Raises `OSError` when it cannot be written there."""
    fcntl = _module("fcntl")
    whole = getattr(fcntl, "F_FULLFSYNC", None)
    if whole is not None:
        # On macOS fsync leaves the content in the disk's own cache; not every file system knows the stronger call.
        with contextlib.suppress(OSError):
            fcntl.fcntl(handle, whole)
            return
    os.fsync(handle)


def sync_folder(folder: Path) -> None:
    """Return when the names in a folder are on the disk; Windows writes them through by itself and opens no folder."""
    if sys.platform == "win32":
        return
    handle = os.open(folder, os.O_RDONLY | FLAGS)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def set_mode(handle: int, mode: int) -> None:
    """Give an open file its permissions; Windows has none of these and keeps those of the folder."""
    if hasattr(os, "fchmod"):
        os.fchmod(handle, mode)


def alive(process: int) -> bool:
    """Tell whether a process is running; one of another user is, as far as one can know."""
    if sys.platform == "win32":
        return _alive_on_windows(process)
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _alive_on_windows(process: int) -> bool:
    # There os.kill with 0 is no question: it sends Ctrl-C.
    import ctypes

    windows: Any = ctypes
    kernel = windows.windll.kernel32
    handle = kernel.OpenProcess(_QUERY_LIMITED_INFORMATION, 0, process)
    if not handle:
        return False
    code = ctypes.c_ulong()
    known = kernel.GetExitCodeProcess(handle, ctypes.byref(code))
    kernel.CloseHandle(handle)
    return not known or code.value == _STILL_ACTIVE


def _module(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        return None
