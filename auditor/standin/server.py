"""The stand-in as an HTTP server: moto behind faults, a call log and a control page."""

from __future__ import annotations

import io
import json
import re
import socket
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from auditor.standin.authorise import authorise
from auditor.standin.callers import caller_of
from auditor.standin.faults import CallLog, Fault, Faults
from auditor.standin.operations import Operation, Request, identify
from auditor.standin.options import OPTIONS
from auditor.standin.wire import Answer, Refusal, error_answer

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTROL = "/_standin/"
_LOOPBACK = "127.0.0.1"
_BUCKET_HOST = re.compile(
    r"^(?P<bucket>[a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\.(?:127\.0\.0\.1|localhost|s3[.-].*)(?::\d+)?$"
)
_ACCOUNT_HOST = re.compile(r"^\d{12}\.")
_NO_BODY = b""


@dataclass
class Application:
    """A WSGI application around moto's; `faults` and `calls` are its memory."""

    moto: Any
    faults: Faults = field(default_factory=Faults)
    calls: CallLog = field(default_factory=CallLog)

    def __call__(self, environ: dict[str, Any], start: Any) -> Iterable[bytes]:
        """Answer one HTTP request."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        _address(environ)
        if environ["PATH_INFO"].startswith(CONTROL):
            return _send(start, self._control(environ, body))
        if environ["PATH_INFO"].startswith("/moto-api"):
            return _send(start, self._pass_on(environ, body))
        request = _request(environ, body)
        call = identify(request)
        caller = caller_of(call.key)
        account = caller.account if caller else ""
        line = self.calls.open(call, account, caller.arn if caller else "")
        fault = self.faults.meet(call, account)
        if fault is None:
            answer = self._answer(environ, request, call)
        else:
            line["fault"] = True
            if fault.drop and not fault.after:
                line["status"] = "dropped"
            answer = self._spoilt(fault, environ, request, call)
        line["status"] = line["status"] or answer[0]
        return _send(start, answer)

    def _answer(self, environ: dict[str, Any], request: Request, call: Operation) -> Answer:
        try:
            if OPTIONS.enforce:
                authorise(call, request, caller_of(call.key))
            answer = self._pass_on(environ, request.body)
        except Refusal as refusal:
            return _error(call, request, refusal)
        except NotImplementedError as error:
            return _error(call, request, Refusal("NotImplemented", f"{call.service} {call.name}: {error}", 501))
        except Exception as error:  # noqa: BLE001 - whatever moto trips over is its failure, and is told as such
            text = f"{call.service} {call.name}: {type(error).__name__}: {error}"
            return _error(call, request, Refusal("InternalError", text[:400], 500))
        # A page in HTML is Flask's way to say that moto has no such operation, or that it fell over.
        if answer[0] in (404, 405, 500) and answer[2].lstrip().lower().startswith((b"<!doctype html", b"<html")):
            text = f"The stand-in does not implement {call.service} {call.name}."
            return _error(call, request, Refusal("NotImplemented", text, 501))
        return answer

    def _spoilt(self, fault: Fault, environ: dict[str, Any], request: Request, call: Operation) -> Answer:
        if fault.delay:
            time.sleep(fault.delay)
        real = self._answer(environ, request, call) if fault.after or not fault.spoils() else None
        if fault.drop:
            _drop(environ)
        if real is None or fault.spoils():
            return _error(call, request, Refusal(*fault.error(call.protocol)))
        status, headers, body = real
        if fault.body is not None:
            body = fault.body.encode()
        headers = {name: value for name, value in headers.items() if name.lower() != "content-length"}
        headers["content-length"] = str(len(body))
        if fault.truncate is not None:
            body = body[: fault.truncate]
        return status, headers | fault.headers, body

    def _pass_on(self, environ: dict[str, Any], body: bytes) -> Answer:
        got: dict[str, Any] = {}

        def start(status: str, headers: list[tuple[str, str]], _: Any = None) -> Any:
            got.update(status=int(status.split(maxsplit=1)[0]), headers=dict(headers))
            return lambda _: None

        environ["wsgi.input"] = io.BytesIO(body)
        stream = self._service(environ)(environ, start)
        try:
            content = b"".join(stream)
        finally:
            if hasattr(stream, "close"):
                stream.close()
        return got["status"], got["headers"], content

    def _service(self, environ: dict[str, Any]) -> Any:
        """Return moto's application for the service that is addressed; raise NotImplementedError if it has none."""
        try:
            return self.moto.get_application(environ)
        except Exception as error:
            raise NotImplementedError("the stand-in does not have this service") from error

    def _control(self, environ: dict[str, Any], body: bytes) -> Answer:
        """Answer /_standin/faults, calls, options, reset and health."""
        what, method = environ["PATH_INFO"].removeprefix(CONTROL), environ["REQUEST_METHOD"]
        try:
            result = self._controlled(what, method, json.loads(body) if body else None)
        except (ValueError, TypeError) as error:
            return 400, {"content-type": "application/json"}, json.dumps({"error": str(error)}).encode()
        status = 200 if result is not None else 404
        return status, {"content-type": "application/json"}, json.dumps(result).encode()

    def _controlled(self, what: str, method: str, asked: Any) -> Any:
        if what == "faults" and method in ("POST", "DELETE"):
            self.faults.replace([Fault.of(each) for each in asked or []] if method == "POST" else [])
            return "ok"
        if what == "calls":
            lines = self.calls.lines()
            if method == "DELETE":
                self.calls.clear()
            return lines
        if what == "events":
            from auditor.standin.s3.events import delivered

            return delivered()
        if what == "options":
            if method == "POST":
                OPTIONS.change(asked)
            return vars(OPTIONS)
        if what == "reset" and method == "POST":
            from moto.moto_api._internal.models import moto_api_backend

            moto_api_backend.reset()
            self.faults.replace([])
            self.calls.clear()
            OPTIONS.reset()
            return "ok"
        return "ok" if what == "health" else None


def listen(port: int) -> Any:
    """Return a server bound to 127.0.0.1, not yet serving; port 0 takes a free one. Its address is `server_address`."""
    from moto.core.config import default_user_config
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
    from werkzeug.serving import make_server

    from auditor.standin import install

    class Handler(MotoRequestHandler):
        """Keep connections open, as AWS does, and keep quiet."""

        protocol_version = "HTTP/1.1"

        def log(self, *_: Any, **__: Any) -> None:
            """Say nothing: the call log is at /_standin/calls."""

        def connection_dropped(self, *_: Any, **__: Any) -> None:
            """Take a client that goes away for no error."""

    install()
    # Lambda functions answer without Docker.
    default_user_config["lambda"] = {"use_docker": False}
    application = Application(DomainDispatcherApplication(create_backend_app))
    return make_server(_LOOPBACK, port, application, threaded=True, request_handler=Handler)


def serve_in_thread(port: int) -> tuple[str, Any]:
    """Start a server in a thread of this process; return its URL and the function that stops it."""
    server = listen(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return f"http://{_LOOPBACK}:{server.server_address[1]}", stop


def _address(environ: dict[str, Any]) -> None:
    """Bring every way to address the server to one: bucket names into the path, the host to the loopback."""
    host = environ.get("HTTP_HOST", "")
    port = environ.get("SERVER_PORT", "80")
    named = _BUCKET_HOST.match(host)
    if named and not _ACCOUNT_HOST.match(host):
        environ["PATH_INFO"] = f"/{named['bucket']}{environ.get('PATH_INFO', '/')}"
        for name in ("RAW_URI", "REQUEST_URI"):
            if name in environ:
                environ[name] = f"/{named['bucket']}{environ[name]}"
    environ["HTTP_HOST"] = f"{_LOOPBACK}:{port}"


def _request(environ: dict[str, Any], body: bytes) -> Request:
    headers = {name[5:].replace("_", "-").lower(): value for name, value in environ.items() if name.startswith("HTTP_")}
    # A client that takes the stand-in for its proxy sends the whole URL.
    path = re.sub(r"^https?://[^/]+", "", environ.get("RAW_URI", environ["PATH_INFO"])).partition("?")[0] or "/"
    return Request(environ["REQUEST_METHOD"], path, environ.get("QUERY_STRING", ""), headers, body)


def _error(call: Operation, request: Request, refusal: Refusal) -> Answer:
    status, headers, body = error_answer(call.protocol, refusal)
    return status, headers, _NO_BODY if request.method == "HEAD" else body


def _drop(environ: dict[str, Any]) -> None:
    connection = environ.get("werkzeug.socket")
    if connection is not None:
        connection.shutdown(socket.SHUT_RDWR)


def _send(start: Any, answer: Answer) -> list[bytes]:
    status, headers, body = answer
    if not any(name.lower() == "content-length" for name in headers):
        headers = headers | {"content-length": str(len(body))}
    start(f"{status} {'OK' if status < 400 else 'Error'}", [(name, str(value)) for name, value in headers.items()])
    return [body]
