"""Ctrl-C and SIGTERM: a question to look at while reading, an exception everywhere else."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 130
"""What a shell says of a program that Ctrl-C ended; SIGTERM ends a run in the same way."""

_SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGBREAK") if hasattr(signal, name))


@contextmanager
def raising() -> Iterator[None]:
    """Make SIGTERM (on Windows: Ctrl-Break) raise KeyboardInterrupt, as Ctrl-C does."""

    def struck(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handled(struck):
        yield


@contextmanager
def noticed() -> Iterator[Callable[[], bool]]:
    """Yield whether the user has interrupted; the first interrupt only sets that, a second one raises.

    So a run can end what it is doing and tell what it knows. Outside the main thread nothing is changed.
    """
    struck = False

    def strike(_number: int, _frame: FrameType | None) -> None:
        nonlocal struck
        if struck:
            raise KeyboardInterrupt
        struck = True

    with _handled(strike):
        yield lambda: struck


@contextmanager
def _handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    # A signal that the parent told us to ignore (`nohup`, a shell's background job) stays ignored.
    before = {number: old for number in _SIGNALS if (old := signal.getsignal(number)) not in {signal.SIG_IGN, None}}
    try:
        for number in before:
            signal.signal(number, handler)
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
