"""Bucket configuration documents kept exactly as they were put, which moto does not."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditor.standin.patch import memory
from auditor.standin.wire import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def malformed() -> Refusal:
    """Return the refusal of a document that breaks the published schema."""
    return Refusal("MalformedXML", "The XML you provided was not well-formed or did not validate against our schema")


def invalid_argument(message: str) -> Refusal:
    """Return the refusal of a value."""
    return Refusal("InvalidArgument", message)


def invalid_request(message: str) -> Refusal:
    """Return the refusal of a combination."""
    return Refusal("InvalidRequest", message)


@dataclass(frozen=True)
class Put:
    """A configuration on its way into a bucket: moto's bucket and backend, the document, the request headers."""

    backend: Any
    bucket: Any
    document: dict[str, Any]
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Document:
    """One bucket sub-resource: its query word, AWS's operations, its checks.

    member: the member of the Get answer that holds the document, None when it is the whole answer.
    check: raises Refusal, completes the document (generated ids), and returns what is kept of the request's headers.
    absent: what Get answers when nothing was put; None leaves the answer to moto.
    """

    query: str
    put: str
    get: str
    check: Callable[[Put], dict[str, Any]]
    member: str | None = None
    absent: dict[str, Any] | None = None


def parse(operation: str, body: bytes) -> dict[str, Any]:
    """Return the document in the XML body as boto3 was given it; raise MalformedXML for what is no XML."""
    from moto.core.parse import RequestParserError, RestXMLParser
    from moto.core.utils import get_service_model

    model = get_service_model("s3").operation_model(operation)
    shape = model.input_shape
    payload = shape.members[shape.serialization["payload"]]
    parser: Any = RestXMLParser(model)
    try:
        parsed = parser._parse_shape(payload, parser._initial_body_parse(body))  # noqa: SLF001 - no public way
    except (RequestParserError, ValueError) as error:
        raise malformed() from error
    return dict(parsed or {})


def store(put: Put, query: str, beside: dict[str, Any]) -> None:
    """Keep a checked document, and what stands beside it in the Get answer."""
    memory(put.bucket)[query] = (copy.deepcopy(put.document), beside)


def stored(bucket: Any, document: Document) -> dict[str, Any] | None:
    """Return the answer of the Get operation, or None when nothing was put."""
    if document.query not in memory(bucket):
        return copy.deepcopy(document.absent)
    kept: dict[str, Any]
    beside: dict[str, Any]
    kept, beside = copy.deepcopy(memory(bucket)[document.query])
    answer = {document.member: kept} if document.member else kept
    return answer | beside


def forget(bucket: Any, query: str) -> None:
    """Drop a document."""
    memory(bucket).pop(query, None)


def has(bucket: Any, query: str) -> bool:
    """Return whether a document was put."""
    return query in memory(bucket)


def find_bucket(name: str) -> Any | None:
    """Return moto's bucket of that name in whichever account, or None."""
    from moto.s3.models import s3_backends

    place = s3_backends.bucket_accounts.get(name)
    return s3_backends[place[1]][place[0]].buckets.get(name) if place else None
