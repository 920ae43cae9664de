"""A read made with botocore's own serializer, signer, connections and parser, without what a read never needs.

A call through a client spends more than half of its time on rebuilt user agents, endpoint rules walked again and events
heard by nobody: in one run of 2,400 reads, 1.15 ms of processor time a call, and 0.80 ms without these. (Own sockets and
an own signature made that 0.46 ms, and are not worth having.) What changes an answer is kept: the handlers before a
call's parameters are built and after its answer is parsed run as in a client, and what is out of the ordinary goes
through the client itself. So does everything when a botocore lacks one of the parts that are used here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

# Names for which S3's endpoint rules have no case of their own: no dots, no ARN, no access point alias, no directory
# bucket. All of them have the same endpoint but for the name.
_COMMON_BUCKET = re.compile(r"(?!.*--)(?!.*-s3alias$)(?!xn-)[a-z0-9][a-z0-9-]{2,61}[a-z0-9]")
_STAND_IN = "stand-in-for-a-bucket-0f1e2d3c4b5a"
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:Z|\+00:00)")
# Services whose requests are changed between being built and being signed.
_CHANGED_LATE = frozenset({"s3control"})
_SIGNATURES = frozenset({"v4", "s3v4"})
# What a botocore raises that is built otherwise than the one this was written for.
_OTHERWISE = (AttributeError, ImportError, KeyError, TypeError)

Sense = Callable[[Any, Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class _Parts:
    """The parts of a client for which botocore has no public names."""

    agent: str
    serialize: Callable[..., dict[str, Any]]
    resolve: Callable[..., Any]
    choose_signature: Callable[..., Any]
    signer: Any
    send: Callable[[Any], Any]

    @classmethod
    def of(cls, client: Any) -> _Parts:
        """Return the parts of a client; raises one of `_OTHERWISE` when it is built in another way."""
        signer = client._request_signer  # noqa: SLF001 - as said above
        return cls(
            client._user_agent_creator.to_string(),  # noqa: SLF001
            client._serializer.serialize_to_request,  # noqa: SLF001
            client._resolve_endpoint_ruleset,  # noqa: SLF001
            signer._choose_signer,  # noqa: SLF001
            signer,
            client._endpoint.http_session.send,  # noqa: SLF001
        )


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
    """Where a call goes, and the version, signing name and Region of its signature."""

    url: str
    headers: Mapping[str, str]
    version: str
    service: str
    region: str


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
        self._operations: dict[str, _Operation | None] = {}
        self._destinations: dict[tuple[Any, ...], _Destination | None] = {}
        self._elsewhere: set[str] = set()
        self._parts: _Parts | None = None
        try:
            self._parts = _Parts.of(client)
        except _OTHERWISE:
            return

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def call(self, name: str, params: Mapping[str, Any], credentials: Any) -> dict[str, Any] | None:
        """Return the parsed answer, or `None` when the call has to go through a client; raises what a client raises."""
        if self._parts is None or credentials is None or params.get("Bucket") in self._elsewhere:
            return None
        try:
            if name not in self._operations:
                self._operations[name] = self._operation(name)
            operation = self._operations[name]
            if operation is None:
                return None
            context = dict(operation.context)
            request = self._request(self._parts, operation, dict(params), context, credentials)
        except _OTHERWISE:
            # Nothing has left. A client makes the call, or says what is wrong with it.
            return None
        if request is None:
            return None
        self._sent(operation.before_send)
        answer = self._parts.send(request)
        if self._service == "s3" and _elsewhere(answer):
            # The client knows how to follow a bucket into its Region, and remembers the way.
            self._elsewhere.add(str(params.get("Bucket")))
            return None
        _must_be_whole(request, answer)
        return self._parsed(operation, answer, context)

    def _request(
        self, parts: _Parts, operation: _Operation, params: dict[str, Any], context: dict[str, Any], credentials: Any
    ) -> Any:
        """Return the signed request, or `None` when a client has to make it."""
        from botocore.awsrequest import create_request_object, prepare_request_dict

        self._events.emit(operation.before_parameters, params=params, model=operation.model, context=context)
        to = self._destination(parts, operation, params, context)
        if to is None:
            return None
        said = parts.serialize(params, operation.model)
        if said.get("host_prefix"):
            return None
        prepare_request_dict(said, endpoint_url=to.url, context=context, user_agent=parts.agent)
        said["headers"].update(to.headers)
        request = create_request_object(said)
        signer = parts.signer.get_auth_instance(to.service, to.region, to.version, request_credentials=credentials)
        signer.add_auth(request)
        return request.prepare()

    def _parsed(self, operation: _Operation, heard: Any, context: dict[str, Any]) -> dict[str, Any]:
        from botocore.awsrequest import HeadersDict
        from botocore.exceptions import ClientError
        from botocore.parsers import ResponseParserError

        answer: dict[str, Any] = {
            "headers": HeadersDict(heard.headers),
            "status_code": heard.status_code,
            "body": heard.content,
            "context": {"operation_name": operation.name},
        }
        try:
            self._sense(operation.model, answer)
            odd = self._service == "s3" and (b"<Error" in heard.content or "Expires" in answer["headers"])
            parsed = self._oddly_parsed(operation, answer) if odd else self._read(operation, answer)
        except ResponseParserError:
            if self._service != "s3":
                raise
            parsed = self._oddly_parsed(operation, answer)
        self._events.emit(
            operation.after_call, http_response=heard, parsed=parsed, model=operation.model, context=context
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
        from botocore.parsers import ResponseParserFactory

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
        factory = ResponseParserFactory()
        factory.set_parser_defaults(timestamp_parser=moment)
        where = f"{service.service_id.hyphenize()}.{name}"
        moments = ("before-parameter-build", "before-send", "before-parse", "after-call")
        parser = factory.create_parser(service.resolved_protocol)
        return _Operation(name, model, parser, context, *(f"{one}.{where}" for one in moments))

    def _destination(
        self, parts: _Parts, operation: _Operation, params: dict[str, Any], context: dict[str, Any]
    ) -> _Destination | None:
        """Return where a call goes; found once for all calls between which AWS's endpoint rules see no difference."""
        bucket = params.get("Bucket") if self._service == "s3" else None
        common = isinstance(bucket, str) and _COMMON_BUCKET.fullmatch(bucket) is not None
        if bucket is not None and not common:
            return None
        key = (operation.name, *sorted((name, _account_of(value)) for name, value in params.items()))
        if key not in self._destinations:
            asked = {**params, "Bucket": _STAND_IN} if common else params
            self._destinations[key] = _resolved(parts, operation, asked, context)
        found = self._destinations[key]
        return replace(found, url=found.url.replace(_STAND_IN, str(bucket))) if found and common else found


def _resolved(
    parts: _Parts, operation: _Operation, params: dict[str, Any], context: Mapping[str, Any]
) -> _Destination | None:
    seen = dict(context)
    url, headers, properties = parts.resolve(operation.model, params, seen)
    if properties:
        seen["endpoint_properties"] = properties
    version = parts.choose_signature(operation.name, "standard", seen)
    signing = seen.get("signing", {})
    if version not in _SIGNATURES or signing.get("request_credentials") or signing.get("identity_cache"):
        return None
    name = signing.get("signing_name") or parts.signer.signing_name
    return _Destination(url, headers, version, name, signing.get("region") or parts.signer.region_name)


def _must_be_whole(request: Any, answer: Any) -> None:
    """Refuse an answer that is shorter than it says: the connection went away in the middle of it."""
    from botocore.exceptions import ConnectionClosedError

    said = answer.headers.get("Content-Length")
    if said is not None and said.isdigit() and int(said) != len(answer.content) and request.method != "HEAD":
        raise ConnectionClosedError(endpoint_url=request.url)


def _elsewhere(answer: Any) -> bool:
    """Tell whether S3 says that a bucket lies in another Region."""
    if answer.status_code in {301, 302, 307}:
        return True
    told = "x-amz-bucket-region" in answer.headers or not answer.content
    return answer.status_code == 400 and (told or b"AuthorizationHeaderMalformed" in answer.content)


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
