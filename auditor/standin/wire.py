"""Errors as AWS writes them on the wire, in each protocol."""

from __future__ import annotations

import json
from xml.sax.saxutils import escape  # it writes XML and reads none  # nosec B406

Answer = tuple[int, dict[str, str], bytes]
_REQUEST_ID = "<RequestId>00000000-0000-4000-8000-000000000000</RequestId>"


class Refusal(Exception):
    """An AWS error answer: code, message, HTTP status and headers."""

    def __init__(self, code: str, message: str, status: int = 400, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message, self.status, self.headers = code, message, status, headers or {}


def error_answer(protocol: str, refusal: Refusal) -> Answer:
    """Return status, headers and body of a refusal in a protocol: rest-xml, query, cbor, or a JSON one."""
    code, message = refusal.code, refusal.message
    error = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if protocol == "rest-xml":
        kind, body = "application/xml", f"<?xml version='1.0'?><Error>{error}{_REQUEST_ID}</Error>".encode()
    elif protocol == "query":
        blame = "Sender" if refusal.status < 500 else "Receiver"
        xml = f"<ErrorResponse><Error><Type>{blame}</Type>{error}</Error>{_REQUEST_ID}</ErrorResponse>"
        kind, body = "text/xml", xml.encode()
    elif protocol == "cbor":
        kind, body = "application/cbor", _cbor({"__type": code, "message": message})
    else:
        kind = "application/x-amz-json-1.0"
        body = json.dumps({"__type": code, "message": message, "Message": message}).encode()
    headers = {"content-type": kind, **refusal.headers}
    if protocol == "cbor":
        headers["smithy-protocol"] = "rpc-v2-cbor"
    if protocol.endswith("json"):
        headers["x-amzn-errortype"] = code
    return refusal.status, headers, body


def _cbor(texts: dict[str, str]) -> bytes:
    """RFC 8949 map of text strings; CloudWatch answers errors so."""
    parts = [bytes([0xA0 | len(texts)])]
    for text in (part for pair in texts.items() for part in pair):
        raw = text.encode()
        parts.append(bytes([0x79]) + len(raw).to_bytes(2, "big") + raw)
    return b"".join(parts)
