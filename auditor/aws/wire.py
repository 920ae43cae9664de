"""HTTP connections that stay open, by the standard library: what a read needs, and none of what it does not."""

from __future__ import annotations

import socket
import ssl
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}
# What a connection that the server has closed meanwhile says when it is used again.
_GONE = (HTTPException, ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer, read whole."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """Connections to one host, for many threads; raises botocore's exceptions, which say what went wrong."""

    def __init__(
        self, base: str, context: ssl.SSLContext | None, *, connect_timeout: float, read_timeout: float
    ) -> None:
        parts = urlsplit(base)
        self._url = f"{parts.scheme}://{parts.netloc}"
        self._host = parts.hostname or ""
        self._port = parts.port or _PORTS[parts.scheme]
        self._context = context
        self._connect_timeout = connect_timeout
        self._read_timeout = read_timeout
        self._idle: deque[socket.socket] = deque()
        self._closed = False

    def send(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> Heard:
        """Send a request and return its answer; a connection that went while it was idle is replaced once.

        `headers` name the host, and leave the length to this.
        """
        message = self._message(method, target, headers, body)
        try:
            idle = self._idle.pop()
        except IndexError:
            return self._exchange(self._connected(), method, message)
        try:
            return self._spoken(idle, method, message)
        except _GONE:
            return self._exchange(self._connected(), method, message)
        except TimeoutError as error:
            raise _silent(self._url, error) from None

    def close(self) -> None:
        """Close the connections: those in use as soon as they are done."""
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _message(self, method: str, target: str, headers: Mapping[str, str], body: bytes) -> bytes:
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        lines.append("Accept-Encoding: identity")
        if body or method in {"POST", "PUT"}:
            lines.append(f"Content-Length: {len(body)}")
        if any("\r" in line or "\n" in line for line in lines):
            raise ValueError("a line break in a header")
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

    def _exchange(self, connection: socket.socket, method: str, message: bytes) -> Heard:
        from botocore.exceptions import ConnectionClosedError

        try:
            return self._spoken(connection, method, message)
        except TimeoutError as error:
            raise _silent(self._url, error) from None
        except _GONE as error:
            raise ConnectionClosedError(endpoint_url=self._url, error=error) from None

    def _spoken(self, connection: socket.socket, method: str, message: bytes) -> Heard:
        whole = False
        try:
            connection.sendall(message)
            answer = HTTPResponse(connection, method=method)
            try:
                answer.begin()
                body = answer.read()
            finally:
                answer.close()
            heard = Heard(answer.status, dict(answer.getheaders()), body)
            whole = not answer.will_close
        finally:
            if whole and not self._closed:
                self._idle.append(connection)
            else:
                connection.close()
        return heard

    def _connected(self) -> socket.socket:
        from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, SSLError

        try:
            made = socket.create_connection((self._host, self._port), self._connect_timeout)
            try:
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if self._context is not None:
                    made = self._context.wrap_socket(made, server_hostname=self._host)
                made.settimeout(self._read_timeout)
            except BaseException:
                made.close()
                raise
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self._url, error=error) from None
        except ssl.SSLError as error:
            raise SSLError(endpoint_url=self._url, error=error) from None
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self._url, error=error) from None
        return made


def wire_for(session: Any, url: str, config: Any) -> Wire | None:
    """Return connections as botocore's HTTP session would make them, or `None` when it has a say of its own.

    That is so behind a proxy, and when certificates are not to be verified.
    """
    if session._proxy_config.proxy_url_for(url) or session._verify is False:  # noqa: SLF001 - no public way
        return None
    context = None
    if url.startswith("https:"):
        from botocore.httpsession import get_cert_path

        bundle = get_cert_path(session._verify)  # noqa: SLF001
        context = _trusting(str(bundle), session._cert_file or "", session._key_file or "")  # noqa: SLF001
    return Wire(url, context, connect_timeout=config.connect_timeout, read_timeout=config.read_timeout)


@lru_cache(maxsize=16)
def _trusting(bundle: str, certificate: str, key: str) -> ssl.SSLContext:
    """Return a context that verifies certificates and host names; reading a bundle takes some milliseconds."""
    context = ssl.create_default_context(cafile=bundle)
    if certificate:
        context.load_cert_chain(certificate, key or None)
    return context


def _silent(url: str, error: Exception) -> Exception:
    from botocore.exceptions import ReadTimeoutError

    made: Exception = ReadTimeoutError(endpoint_url=url, error=error)
    return made
