"""A Dask cluster as the engine of a fleet: reached at its scheduler's address, or refused in one sentence."""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from uuid import uuid4

from auditor.errors import UsageError
from auditor.fleet.executor import Engine
from auditor.model import Text, Unread

# Seconds until a scheduler that does not answer is taken for absent.
_CONNECT = 10.0
# Seconds between two looks of a worker at whether it shall end.
_GLANCE = 0.5
_LOST = Text(
    "The worker that read the account was lost, and so was every other that tried (tries: {}).",
    "アカウントを読み取るワーカーが失われ、代わりのワーカーも同じ結果になりました（試行 {} 回）。",
)
_FAILED = Text(
    "The worker that read the account failed: {}.", "アカウントを読み取るワーカーでエラーが発生しました: {}。"
)
_CUT_OFF = Text(
    "The connection to the cluster was lost before this was read.",
    "読み取る前にクラスターとの接続が失われました。",
)


def _distributed() -> Any:
    # Its functions have no types.
    return import_module("distributed")


@contextmanager
def connected(address: str) -> Iterator[Engine]:
    """Connect to a scheduler (`tcp://host:port`, `tls://host:port`) and yield the engine; disconnect afterwards.

    Certificates for `tls://` are those of Dask's own configuration. Raises `UsageError` when `distributed` is not
    installed, and when no scheduler answers at the address.
    """
    try:
        dask = _distributed()
    except ImportError as error:
        sentence = "--executor dask needs Dask's distributed, which is not installed."
        raise UsageError(sentence, "pip install 'auditor[dask]'.") from error
    with _quiet():
        _must_answer(address)
        run = f"auditor-{uuid4().hex}"
        with dask.Client(address, timeout=_CONNECT, set_as_default=False) as client:
            event = dask.Event(run, client=client)
            # The same shard on another night is another question.
            executor = client.get_executor(pure=False)
            try:
                yield Engine(address, executor, lambda: _threads(client), DaskStop(run), lambda: _end(event), _lost)
            except BaseException:
                _end(event)
                raise
            finally:
                executor.shutdown(wait=False)


def _must_answer(address: str) -> None:
    """Raise `UsageError` unless a scheduler answers; a client that finds none would talk of it for long."""
    try:
        found = asyncio.run(_identity(address)).get("type")
    except (OSError, asyncio.TimeoutError):
        raise UsageError(
            f"--executor dask={address}: no scheduler answers there.", "Look at its address, and whether it runs."
        ) from None
    except Exception as error:  # noqa: BLE001 - a dozen sorts of errors say that an address or its certificates are wrong
        raise UsageError(
            f"--executor dask={address}: {str(error).rstrip('.')}.", "Such as dask=tcp://127.0.0.1:8786."
        ) from None
    if found != "Scheduler":
        raise UsageError(
            f"--executor dask={address}: what answers there is no scheduler.", "Name the scheduler's address."
        )


async def _identity(address: str) -> Any:
    dask = _distributed()

    async def ask() -> Any:
        secure = dask.Security().get_connection_args("client")
        async with dask.core.rpc(address, timeout=_CONNECT, connection_args=secure) as scheduler:
            return await scheduler.identity()

    return await asyncio.wait_for(ask(), _CONNECT)


def _threads(client: Any) -> int | None:
    try:
        return int(sum(client.nthreads().values()))
    except Exception:  # noqa: BLE001 - a scheduler that is gone says so in many ways
        return None


def _end(event: Any) -> None:
    with suppress(Exception):
        event.set()


def _lost(error: BaseException) -> Unread | None:
    dask = _distributed()
    if isinstance(error, dask.scheduler.KilledWorker):
        return Unread("WorkerLost", detail=_LOST.fill(error.allowed_failures + 1))
    if isinstance(error, CancelledError | dask.comm.CommClosedError):
        return Unread("WorkerLost", detail=_CUT_OFF)
    if isinstance(error, OSError | MemoryError):
        return Unread("WorkerLost", detail=_FAILED.fill(str(error) or type(error).__name__))
    return None


@dataclass(frozen=True, slots=True)
class DaskStop:
    """An event of the scheduler's, by its name; set when the run is over or its user has lost patience."""

    name: str

    @contextmanager
    def watch(self) -> Iterator[Callable[[], bool]]:
        """Yield whether the event is set; a thread asks the scheduler twice a second."""
        worker = _distributed().get_worker()
        struck, over = threading.Event(), threading.Event()

        def look() -> None:
            # A client of its own would ask as well, and keep the worker from ending.
            asked = asyncio.run_coroutine_threadsafe(_is_set(worker, self.name), worker.loop.asyncio_loop)
            # While the scheduler is away the shard is read on: another worker may have it, or none.
            with suppress(Exception):
                if asked.result(_CONNECT):
                    struck.set()

        def look_on() -> None:
            while not struck.is_set() and not over.wait(_GLANCE):
                look()

        look()
        threading.Thread(target=look_on, daemon=True).start()
        try:
            yield struck.is_set
        finally:
            over.set()


async def _is_set(worker: Any, name: str) -> bool:
    return bool(await worker.scheduler.event_is_set(name=name))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep what Dask logs, and its remarks on versions, from the terminal: what matters is told as findings are."""
    known = [logging.getLogger(name) for name in ("distributed", *logging.root.manager.loggerDict)]
    loggers = {one: one.level for one in known if one.name.partition(".")[0] in {"distributed", "tornado"}}
    for one in loggers:
        one.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="distributed")
            yield
    finally:
        for one, level in loggers.items():
            one.setLevel(level)
