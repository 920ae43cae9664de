"""Configurations that are written back whole: what AWS says in them and botocore's model does not know is not forgotten.

botocore's parser drops what its model lacks. Written back, the configuration would lose it: a setting that
somebody made with a newer SDK would be gone. So it stands in the document as unread, and such a document is never written.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from auditor.errors import Text
from auditor.model import Unread

WRITTEN_BACK = frozenset(
    {
        "DescribeRule",
        "GetBucketEncryption",
        "GetBucketLifecycleConfiguration",
        "GetBucketLogging",
        "GetBucketNotificationConfiguration",
        "GetBucketOwnershipControls",
        "GetBucketReplication",
        "GetBucketVersioning",
        "GetPublicAccessBlock",
    }
)
"""The reads of configurations that a write replaces whole, those apart that come as a text of their own."""

SERVICES = ("events", "s3")

_UNKNOWN = Text(
    "AWS answers `{}`, which the installed botocore {} does not know; a newer boto3 may.",
    "AWS の応答に、インストール済みの botocore {1} が知らない要素 `{0}` があります。新しい boto3 なら読める可能性があります。",
)


def keep_unmodelled(http_response: Any, parsed: dict[str, Any], model: Any, **_: Any) -> None:
    """Put an `Unread` into the parsed answer wherever AWS says what the model does not know."""
    if model.name not in WRITTEN_BACK or http_response.status_code >= 300 or not http_response.content:
        return
    if "json" in model.service_model.resolved_protocol:
        said = json.loads(http_response.content)
        parsed.update({name: _unread(name) for name in said if name not in model.output_shape.members})
        return
    # botocore has read the same bytes with the same parser.
    from xml.etree import ElementTree as ET  # nosec B405

    try:
        root = ET.fromstring(http_response.content)  # noqa: S314  # nosec B314
    except ET.ParseError:
        return
    shape = model.output_shape
    place: Any = parsed
    if payload := shape.serialization.get("payload"):
        shape, place = shape.members[payload], parsed.get(payload)
    _mark(root, shape, place)


def _mark(element: Any, shape: Any, place: Any) -> None:
    if shape.type_name == "structure" and isinstance(place, dict):
        _members(element, shape, place)
    elif shape.type_name == "list" and isinstance(place, list):
        for item, known in zip(element, place, strict=False):
            _mark(item, shape.member, known)


def _members(element: Any, shape: Any, place: dict[str, Any]) -> None:
    known = _names(shape)
    seen: dict[str, Iterator[Any]] = {}
    for child in element:
        tag = child.tag.rpartition("}")[2]
        if tag not in known:
            place[tag] = _unread(tag)
            continue
        name, member = known[tag]
        if member.type_name == "list" and member.serialization.get("flattened"):
            items = seen.setdefault(name, iter(place.get(name) or ()))
            _mark(child, member.member, next(items, None))
        else:
            _mark(child, member, place.get(name))


def _names(shape: Any) -> Mapping[str, tuple[str, Any]]:
    """Return the members of a structure by the names of their elements, as botocore's parser finds them."""
    found = {}
    for name, member in shape.members.items():
        own = member.serialization.get("name")
        if member.type_name == "list" and member.serialization.get("flattened"):
            own = member.member.serialization.get("name") or own
        found[own or name] = (name, member)
    return found


def _unread(tag: str) -> Unread:
    from botocore import __version__

    return Unread("NotMapped", detail=_UNKNOWN.fill(tag, __version__))
