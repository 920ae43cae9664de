"""Start, steer and stop a stand-in server."""

from __future__ import annotations

import json
import subprocess  # the stand-in is a process of its own  # nosec B404
import sys
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from typing_extensions import Self

_SECONDS = 30


class Server:
    """A running stand-in; a context manager that stops it at the end."""

    def __init__(self, url: str, stop: Callable[[], None]) -> None:
        self.url = url
        self._stop: Callable[[], None] | None = stop

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the server."""
        self.stop()

    def stop(self) -> None:
        """Stop the server; a second call does nothing."""
        if self._stop is not None:
            self._stop()
        self._stop = None

    def faults(self, faults: list[dict[str, Any]]) -> None:
        """Put these faults in force instead of those before; raise ValueError for one that is not understood.

        What a fault may say is told at `auditor.standin.faults.Fault`.
        """
        self._ask("POST", "faults", faults)

    def calls(self) -> list[dict[str, Any]]:
        """Return every call since the last `clear`: service, operation, resource, account, principal, status."""
        return self._ask("GET", "calls")  # type: ignore[no-any-return]

    def events(self) -> list[dict[str, str]]:
        """Return every S3 event that reached a destination, oldest first: event, bucket, key, to (an ARN)."""
        return self._ask("GET", "events")  # type: ignore[no-any-return]

    def clear(self) -> None:
        """Forget the faults and the calls, and keep what is stored."""
        self._ask("DELETE", "faults")
        self._ask("DELETE", "calls")

    def options(self, **values: Any) -> dict[str, Any]:
        """Change the named switches of `auditor.standin.Options` and return all of them."""
        return self._ask("POST", "options", values)  # type: ignore[no-any-return]

    def reset(self) -> None:
        """Forget everything: resources, faults, calls, options. Keys of assumed roles are void afterwards."""
        self._ask("POST", "reset", {})

    def _ask(self, method: str, what: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/_standin/{what}", data=data, method=method)  # noqa: S310 - http
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=_SECONDS) as response:
                return json.loads(response.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ValueError(json.loads(error.read())["error"]) from error


def serve(port: int = 0, *, isolated: bool = False, **options: Any) -> Server:
    """Start a stand-in on 127.0.0.1 and return it; port 0 takes a free one.

    isolated: run it in a process of its own. Otherwise all servers of this process share one AWS, because moto does.
    options: switches of `auditor.standin.Options`.
    """
    if isolated:
        server = _serve_in_process(port)
    else:
        from auditor.standin.server import serve_in_thread

        server = Server(*serve_in_thread(port))
    if options:
        server.options(**options)
    return server


def _serve_in_process(port: int) -> Server:
    command = [sys.executable, "-m", "auditor.standin", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - our own module  # nosec B603
    assert process.stdout is not None
    url = process.stdout.readline().strip()

    def stop() -> None:
        process.terminate()
        process.wait(_SECONDS)
        process.stdout.close()  # type: ignore[union-attr]

    if not url:
        stop()
        raise OSError(f"the stand-in did not start on port {port}")
    return Server(url, stop)
