"""Standard streams as the commands want them: there, and able to write what a report says."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TextIO


def prepare() -> None:
    """Open the streams that the caller closed (`<&-`, `>&-`) on nothing, and write UTF-8 whatever the locale says.

    The exit code counts all the same. A closed number would be given to the next file that is opened, and what is
    meant for a stream would then stand in that file.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            with contextlib.suppress(OSError):
                os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or _nothing("r")
    sys.stdout = sys.stdout or _nothing("w")
    sys.stderr = sys.stderr or _nothing("w")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # The table has ✗ and →, which an ASCII locale could not write.
            stream.reconfigure(encoding="utf-8", errors="replace")


def _nothing(mode: str) -> TextIO:
    stream = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - it is open as long as the process is
    assert isinstance(stream, io.TextIOWrapper)
    return stream
