"""What macOS and Windows do differently, on this machine: locks, durability, permissions, processes, and every module imported."""

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.files import portable, write_atomic

ROOT = Path(__file__).parents[1]

# The standard library looks once which system it is on; on Windows it takes branches of its own.
WINDOWS = """
import asyncio, concurrent.futures, multiprocessing, os, shutil, signal, subprocess, sys, tempfile
for name in ("fcntl", "pwd", "grp", "resource", "termios", "tty", "pty", "readline", "curses", "syslog"):
    sys.modules[name] = None
for name in ("fchmod", "fchown", "chown", "geteuid", "getuid", "getgid", "fork", "mkfifo", "uname", "WNOHANG",
             "O_CLOEXEC", "O_NONBLOCK", "O_DIRECTORY", "O_NOFOLLOW", "killpg", "setsid", "getpgid"):
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGKILL", "SIGHUP", "SIGQUIT", "SIGALRM", "SIGPIPE", "SIGUSR1", "pthread_sigmask", "alarm", "setitimer"):
    if hasattr(signal, name):
        delattr(signal, name)
"""
EVERYTHING = """
import importlib, pkgutil
import auditor
for found in pkgutil.walk_packages(auditor.__path__, "auditor."):
    if not found.name.startswith(("auditor.rules", "auditor.reports", "auditor.standin", "auditor.__main__")):
        importlib.import_module(found.name)
from pathlib import Path
from auditor.files import read_text, write_atomic
from auditor.files.disk import writing
from auditor.cli.interrupts import noticed, raising
from auditor.files.portable import FLAGS
write_atomic(Path("a"), "x")
with writing(Path("b")) as stream:
    stream.write("y")
with raising(), noticed() as struck:
    print(read_text(Path("a")) + read_text(Path("b")), struck(), FLAGS)
"""


def test_every_module_can_be_imported_and_files_written_where_posix_has_left_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", WINDOWS + EVERYTHING],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "xy False 0\n", done.stderr


@pytest.fixture
def windows(monkeypatch):
    """Windows's locks: exclusive, on a range of bytes, refused with EACCES."""
    held = {}

    def locking(handle, mode, count):
        key = (os.fstat(handle).st_ino, os.lseek(handle, 0, os.SEEK_CUR), count)
        if held.setdefault(key, handle) != handle:
            raise PermissionError(13, "Permission denied")
        assert mode == "LK_NBLCK"

    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setitem(sys.modules, "msvcrt", SimpleNamespace(LK_NBLCK="LK_NBLCK", locking=locking))
    return held


@pytest.mark.parametrize("system", ["posix", "windows"])
def test_a_lock_is_held_by_one(tmp_path, request, system):
    if system == "windows":
        request.getfixturevalue("windows")
    (tmp_path / "a").write_text("content")
    one, other = (os.open(tmp_path / "a", os.O_RDWR | os.O_APPEND | portable.FLAGS) for _ in range(2))
    assert portable.lock(one)
    assert not portable.lock(other)
    os.write(one, b", more")
    assert (tmp_path / "a").read_text() == "content, more", "a lock moves no writing"
    os.close(one)
    os.close(other)


def test_windows_locks_a_byte_that_no_file_has(tmp_path, windows):
    (tmp_path / "a").write_text("content")
    handle = os.open(tmp_path / "a", os.O_RDWR)
    portable.lock(handle)
    ((_, place, count),) = windows
    assert (place, count) == (0x7FFF_FFFE, 1)
    os.close(handle)


def test_those_who_only_look_share_a_lock(tmp_path):
    (tmp_path / "a").write_text("")
    one, two, three = (os.open(tmp_path / "a", os.O_RDONLY) for _ in range(3))
    assert portable.lock(one, shared=True)
    assert portable.lock(two, shared=True)
    assert not portable.lock(three)
    for handle in (one, two, three):
        os.close(handle)


@pytest.mark.parametrize("known", [True, False])
def test_macos_is_asked_to_empty_the_disks_own_cache(monkeypatch, tmp_path, known):
    asked = []

    def fcntl(handle, command):
        asked.append(command)
        if not known:
            raise OSError(45, "Operation not supported")

    monkeypatch.setitem(sys.modules, "fcntl", SimpleNamespace(F_FULLFSYNC=51, fcntl=fcntl))
    monkeypatch.setattr(os, "fsync", lambda handle: asked.append("fsync"))
    with (tmp_path / "a").open("w") as stream:
        portable.sync(stream.fileno())
    assert asked == ([51] if known else [51, "fsync"])


def test_windows_opens_no_folder_to_make_its_names_durable(monkeypatch, tmp_path):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(os, "open", lambda *_: pytest.fail("Windows refuses this"))
    portable.sync_folder(tmp_path)


def test_a_file_is_written_where_modes_do_not_exist(monkeypatch, tmp_path):
    monkeypatch.delattr(os, "fchmod")
    write_atomic(tmp_path / "a", "x")
    assert (tmp_path / "a").read_text() == "x"


def test_who_is_alive_is_known():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        assert portable.alive(process.pid)
        process.stdin.close()
    assert not portable.alive(process.pid)
    assert portable.alive(2**80), "what cannot be known is taken for alive"


@pytest.mark.parametrize(("handle", "code", "alive"), [(0, 0, False), (7, 259, True), (7, 0, False)])
def test_windows_is_asked_without_sending_a_signal(monkeypatch, handle, code, alive):
    closed = []

    def exit_code(_handle, place):
        place._obj.value = code
        return 1

    kernel = SimpleNamespace(
        OpenProcess=lambda access, inherit, process: handle if process == 42 else 0,
        GetExitCodeProcess=exit_code,
        CloseHandle=closed.append,
    )
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "windll", SimpleNamespace(kernel32=kernel), raising=False)
    monkeypatch.setattr(os, "kill", lambda *_: pytest.fail("this would send Ctrl-C"))
    assert portable.alive(42) is alive
    assert closed == ([handle] if handle else [])


def test_windows_says_that_a_folder_is_a_folder(monkeypatch, tmp_path):
    from auditor.errors import InputError
    from auditor.files import read_text

    real = os.open

    def refusing(path, *rest, **more):
        if Path(path).is_dir():
            raise PermissionError(13, "Permission denied")
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", refusing)
    monkeypatch.setattr("auditor.files.disk._OPENS_FOLDERS", False)
    with pytest.raises(InputError, match="This is a folder"):
        read_text(tmp_path)


def test_a_user_without_a_home_is_told_what_to_say(monkeypatch):
    from auditor.errors import UsageError
    from auditor.remedy.journal import folder

    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", nobody)
    with pytest.raises(UsageError, match="--state-dir"):
        folder()
