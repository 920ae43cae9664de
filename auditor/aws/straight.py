"""A read made with botocore's own serializer and parser, without what a read never needs.

A call through a client spends more on rebuilt user agents, endpoint rules walked again, events heard by nobody and
layers of HTTP than on its meaning. What changes an answer is kept: the handlers before a call's parameters are built
and after its answer is parsed run as in a client, and what is out of the ordinary goes through the client itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any
from urllib.parse import urlencode

from auditor.aws.signing import Keys, Scope, signed
from auditor.aws.wire import Heard, Wire, wire_for

# Names for which S3's endpoint rules have no case of their own: no dots, no ARN, no access point alias, no directory
# bucket. All of them have the same endpoint but for the name.
_COMMON_BUCKET = re.compile(r"(?!.*--)(?!.*-s3alias$)(?!xn-)[a-z0-9][a-z0-9-]{2,61}[a-z0-9]")
_STAND_IN = "stand-in-for-a-bucket-0f1e2d3c4b5a"
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)")
# Services whose requests are changed between being built and being signed.
_CHANGED_LATE = frozenset({"s3control"})
_SIGNATURES = frozenset({"v4", "s3v4"})

Sense = Callable[[Any, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class _Operation:
    """What is the same for every call of an operation."""

    name: str
    model: Any
    parser: Any
    context: Mapping[str, Any]
    before_parameters: str
    before_send: str
    before_parse: str
    after_call: str


@dataclass(frozen=True, slots=True)
class _Destination:
    """Where a call goes and how it is signed."""

    url: str
    headers: Mapping[str, str]
    scope: Scope
    wire: Wire


class Straight:
    """The straight way to what a client reaches, with whatever credentials a call brings.

    `sent` is told of every request that leaves, `sense` looks at every answer before it is parsed and may raise.
    """

    def __init__(self, client: Any, sent: Callable[[str], None], sense: Sense) -> None:
        self._client = client
        self._sent = sent
        self._sense = sense
        self._events = client.meta.events
        self._service = client.meta.service_model.service_name
        self._agent = client._user_agent_creator.to_string()  # noqa: SLF001 - there is no public way to these parts
        self._operations: dict[str, _Operation | None] = {}
        self._destinations: dict[tuple[Any, ...], _Destination | None] = {}
        self._elsewhere: set[str] = set()
        self._wires: dict[str, Wire | None] = {}

    def close(self) -> None:
        """Close the connections."""
        for wire in self._wires.values():
            if wire is not None:
                wire.close()

    def call(self, name: str, params: Mapping[str, Any], credentials: Any) -> dict[str, Any] | None:
        """Return the parsed answer, or `None` when the call has to go through a client; raises what a client raises."""
        if name not in self._operations:
            self._operations[name] = self._operation(name)
        operation = self._operations[name]
        if operation is None or credentials is None or params.get("Bucket") in self._elsewhere:
            return None
        asked, context = dict(params), dict(operation.context)
        self._events.emit(operation.before_parameters, params=asked, model=operation.model, context=context)
        to = self._destination(operation, asked, context)
        heard = None if to is None else self._send(operation, asked, to, credentials)
        return None if heard is None else self._parsed(operation, heard, context)

    def _send(self, operation: _Operation, params: dict[str, Any], to: _Destination, credentials: Any) -> Heard | None:
        from botocore.awsrequest import prepare_request_dict

        parts = self._client._serializer.serialize_to_request(params, operation.model)  # noqa: SLF001
        body = _bytes_of(parts["body"])
        if body is None or parts.get("host_prefix"):
            return None
        prepare_request_dict(parts, endpoint_url=to.url)
        frozen = credentials.get_frozen_credentials()
        keys = Keys(frozen.access_key, frozen.secret_key, frozen.token)
        headers = {**parts["headers"], **to.headers, "User-Agent": self._agent}
        headers = signed(parts["method"], parts["url"], headers, body, keys, to.scope, datetime.now(timezone.utc))
        self._sent(operation.before_send)
        target = "/" + parts["url"].split("/", 3)[3]
        heard = to.wire.send(parts["method"], target, headers, body)
        if self._service == "s3" and _elsewhere(heard):
            # The client knows how to follow a bucket into its Region, and remembers the way.
            self._elsewhere.add(str(params.get("Bucket")))
            return None
        return heard

    def _parsed(self, operation: _Operation, heard: Heard, context: dict[str, Any]) -> dict[str, Any]:
        from botocore.awsrequest import AWSResponse, HeadersDict
        from botocore.exceptions import ClientError
        from botocore.parsers import ResponseParserError

        answer: dict[str, Any] = {
            "headers": HeadersDict(heard.headers),
            "status_code": heard.status,
            "body": heard.body,
            "context": {"operation_name": operation.name},
        }
        try:
            self._sense(operation.model, answer)
            odd = self._service == "s3" and (b"<Error" in heard.body or "Expires" in answer["headers"])
            parsed = self._oddly_parsed(operation, answer) if odd else self._read(operation, answer)
        except ResponseParserError:
            if self._service != "s3":
                raise
            parsed = self._oddly_parsed(operation, answer)
        response = AWSResponse("", heard.status, answer["headers"], heard)
        response._content = heard.body  # noqa: SLF001 - what it would read from a stream is read already
        self._events.emit(
            operation.after_call, http_response=response, parsed=parsed, model=operation.model, context=context
        )
        if answer["status_code"] >= 300:
            raise ClientError(parsed, operation.name)
        return parsed

    def _read(self, operation: _Operation, answer: dict[str, Any]) -> dict[str, Any]:
        parsed: dict[str, Any] = operation.parser.parse(answer, operation.model.output_shape)
        return parsed

    def _oddly_parsed(self, operation: _Operation, answer: dict[str, Any]) -> dict[str, Any]:
        """Parse an answer of S3 that may be an error in spite of its status, or has an Expires header of any form."""
        more: dict[str, Any] = {}
        self._events.emit(
            operation.before_parse, operation_model=operation.model, response_dict=answer, customized_response_dict=more
        )
        return self._read(operation, answer) | more

    def _operation(self, name: str) -> _Operation | None:
        """Return what is known of an operation, `None` when only a client can make it."""
        service, config = self._client.meta.service_model, self._client.meta.config
        if name not in service.operation_names or config.auth_scheme_preference or self._service in _CHANGED_LATE:
            return None
        model = service.operation_model(name)
        streams = model.has_streaming_input or model.has_streaming_output or model.has_event_stream_output
        if streams or model.http_checksum_required or model.resolved_auth_type not in {None, "v4"}:
            return None
        context = {
            "client_region": self._client.meta.region_name,
            "client_config": config,
            "has_streaming_input": False,
            "auth_type": model.resolved_auth_type,
            "unsigned_payload": model.unsigned_payload,
            "auth_options": service.metadata.get("auth"),
        }
        factory = self._client._endpoint._response_parser_factory  # noqa: SLF001
        parser = factory.create_parser(service.resolved_protocol)
        parser._timestamp_parser = moment  # noqa: SLF001 - the factory's defaults are everyone's
        where = f"{service.service_id.hyphenize()}.{name}"
        moments = ("before-parameter-build", "before-send", "before-parse", "after-call")
        return _Operation(name, model, parser, context, *(f"{one}.{where}" for one in moments))

    def _destination(
        self, operation: _Operation, params: dict[str, Any], context: dict[str, Any]
    ) -> _Destination | None:
        """Return where a call goes; found once for all calls between which AWS's endpoint rules see no difference."""
        bucket = params.get("Bucket") if self._service == "s3" else None
        common = isinstance(bucket, str) and _COMMON_BUCKET.fullmatch(bucket) is not None
        if bucket is not None and not common:
            return None
        key = (operation.name, *sorted((name, _account_of(value)) for name, value in params.items()))
        if key not in self._destinations:
            asked = {**params, "Bucket": _STAND_IN} if common else params
            self._destinations[key] = self._resolved(operation, asked, context)
        found = self._destinations[key]
        if found is None or not common:
            return found
        url = found.url.replace(_STAND_IN, str(bucket))
        return replace(found, url=url, wire=self._wire(url) or found.wire)

    def _resolved(self, operation: _Operation, params: dict[str, Any], context: dict[str, Any]) -> _Destination | None:
        seen = dict(context)
        url, headers, properties = self._client._resolve_endpoint_ruleset(operation.model, params, seen)  # noqa: SLF001
        signer = self._client._request_signer  # noqa: SLF001
        if properties:
            seen["endpoint_properties"] = properties
        version = signer._choose_signer(operation.name, "standard", seen)  # noqa: SLF001
        signing = seen.get("signing", {})
        wire = self._wire(url)
        if (
            version not in _SIGNATURES
            or signing.get("request_credentials")
            or signing.get("identity_cache")
            or not wire
        ):
            return None
        scope = Scope(
            signing.get("signing_name") or signer.signing_name,
            signing.get("region") or signer.region_name,
            version == "s3v4",
        )
        return _Destination(url, headers, scope, wire)

    def _wire(self, url: str) -> Wire | None:
        host = "/".join(url.split("/", 3)[:3])
        if host not in self._wires:
            self._wires[host] = wire_for(self._client._endpoint.http_session, host, self._client.meta.config)  # noqa: SLF001
        return self._wires[host]


def _bytes_of(body: Any) -> bytes | None:
    """Return a request's body as it leaves, or `None` for a stream."""
    if isinstance(body, dict):
        return urlencode(body, doseq=True).encode()
    if isinstance(body, str):
        return body.encode()
    return bytes(body) if isinstance(body, bytes | bytearray) else None


def _elsewhere(heard: Heard) -> bool:
    """Tell whether S3 says that a bucket lies in another Region."""
    if heard.status in {301, 302, 307}:
        return True
    told = "x-amz-bucket-region" in {name.lower() for name in heard.headers} or not heard.body
    return heard.status == 400 and (told or b"AuthorizationHeaderMalformed" in heard.body)


def _account_of(value: Any) -> str:
    """Return what endpoint rules may see in a parameter: of an ARN all but the resource, of any other name nothing."""
    return ":".join(value.split(":")[:5]) if isinstance(value, str) and value.startswith("arn:") else ""


def moment(value: Any) -> datetime:
    """Return the time that a timestamp of an answer says: ISO 8601 in UTC at once, any other form as botocore does."""
    said = _ISO.fullmatch(value) if isinstance(value, str) else None
    if said is None:
        from botocore.utils import parse_timestamp

        found: datetime = parse_timestamp(value)
        return found
    return datetime.fromisoformat(f"{said[1]}.{(said[2] or '0').ljust(6, '0')}+00:00")
