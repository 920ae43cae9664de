"""What comes back: an answer that makes sense, as plain JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from auditor.aws.roots import fits
from auditor.model import Json, Unread


def must_make_sense(operation_model: Any, response_dict: Mapping[str, Any], **_: Any) -> None:
    """Refuse a successful answer without the body that it must have: botocore would take it for an empty document.

    An empty document means "not configured" for many reads, which would be a false answer.
    """
    from botocore.parsers import ResponseParserError

    shape = operation_model.output_shape
    if response_dict["status_code"] >= 300 or shape is None or operation_model.has_streaming_output:
        return
    if all("location" in member.serialization for member in shape.members.values()):
        return
    body = response_dict["body"]
    if not body or body.lstrip()[:14].lower().startswith((b"<html", b"<!doctype html")):
        raise ResponseParserError("no body that AWS would send")
    if not fits(operation_model, body):
        raise ResponseParserError("an element that is not the one of this answer")
    if "json" in operation_model.service_model.resolved_protocol:
        try:
            sound = isinstance(json.loads(body), dict)
        except ValueError:
            sound = False
        if not sound:
            raise ResponseParserError("a body that is no JSON object")


def plain(value: Any) -> Json:
    """Return an answer as JSON: dates as ISO 8601 in UTC ending in Z, bytes as text, every mapping a `dict`.

    What is not known in it stays an `Unread`.
    """
    if isinstance(value, str):
        # No file could hold half of a surrogate pair, which JSON's escapes allow.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if value is None or isinstance(value, bool | int | float | Unread):
        return value
    if isinstance(value, Mapping):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, datetime):
        moment = value.astimezone(timezone.utc) if value.tzinfo else value.replace(tzinfo=timezone.utc)
        return moment.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "replace")
    return str(value)
