"""Which AWS operation an HTTP request is, on which resource, and who calls."""

from __future__ import annotations

import functools
import json
import re
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

SERVICE_OF_SIGNING_NAME = {"monitoring": "cloudwatch", "servicequotas": "service-quotas"}
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]*)/([^/]+)/")
# What names the resource of a call, in the order in which one of them is taken as its resource.
_NAMING = [
    "TableName",
    "ResourceArn",
    "TableArn",
    "ExportArn",
    "KeyId",
    "QueueUrl",
    "QueueName",
    "TopicArn",
    "FunctionName",
    "RoleName",
    "PolicyArn",
    "UserName",
    "RoleArn",
    "Rule",
    "Name",
    "DatabaseName",
    "TargetId",
    "PolicyId",
    "MetricName",
]


@dataclass(frozen=True)
class Request:
    """An HTTP request as the stand-in sees it: header names in lower case, the path not yet unquoted."""

    method: str
    path: str
    query: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True)
class Operation:
    """An identified call: boto3's service name, AWS's operation name, resource, access key, Region, parameters."""

    service: str
    name: str
    resource: str
    key: str
    region: str
    protocol: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Route:
    """How a REST operation looks on the wire."""

    name: str
    method: str
    path: re.Pattern[str]
    literals: frozenset[tuple[str, str]]
    queries: frozenset[str]
    headers: frozenset[str]

    def score(self, request: Request, query: dict[str, list[str]]) -> tuple[int, int, int, bool] | None:
        """Return how exactly the request fits, or None when it does not."""
        fits = (
            self.method == request.method
            and self.path.match(request.path) is not None
            and all(name in query and (not value or query[name] == [value]) for name, value in self.literals)
            and self.queries <= query.keys()
            and self.headers <= request.headers.keys()
        )
        # Several operations share a URL; the present one of PutBucketLifecycle and
        # PutBucketLifecycleConfiguration (and of V1 and V2) has the longer name.
        newer = self.name.endswith(("Configuration", "V2"))
        return (len(self.literals), len(self.queries), len(self.headers), newer) if fits else None


def identify(request: Request) -> Operation:
    """Return the operation; its name is the method and path when no service model knows it."""
    scope = _CREDENTIAL.search(request.headers.get("authorization", "")) or _presigned(request)
    key, region, service = (scope[1], scope[2], scope[3]) if scope else ("", "us-east-1", "s3")
    service = SERVICE_OF_SIGNING_NAME.get(service, service)
    if target := request.headers.get("x-amz-target"):
        params = _json(request.body)
        return Operation(service, target.rpartition(".")[2], _named(params), key, region, "json", params)
    if request.path.startswith("/service/") and "/operation/" in request.path:
        return Operation(service, request.path.rpartition("/")[2], "", key, region, "cbor")
    form = _form(request)
    if "Action" in form:
        return Operation(_unsigned(scope, service), form["Action"], _named(form), key, region, "query", form)
    if service == "s3" and request.path.startswith("/v20180820/"):
        service = "s3control"
    return _rest(request, service, key, region)


def _rest(request: Request, service: str, key: str, region: str) -> Operation:
    query = parse_qs(request.query, keep_blank_values=True)
    found = [(score, route) for route in routes(service) if (score := route.score(request, query)) is not None]
    name = max(found, key=lambda pair: pair[0])[1].name if found else f"{request.method} {request.path}"
    protocol = "rest-xml" if service in ("s3", "s3control") else "rest-json"
    params: dict[str, Any] = {name: values[0] for name, values in query.items()}
    if protocol == "rest-json":
        params |= _json(request.body)
    resource = unquote(request.path.strip("/"))
    if service == "lambda":
        parts = resource.split("/")
        resource = parts[2] if len(parts) > 2 else ""
    return Operation(service, name, resource, key, region, protocol, params)


@functools.cache
def routes(service: str) -> tuple[Route, ...]:
    """Return the REST routes of a service from botocore's model, none for a service it does not know."""
    from moto.core.utils import get_service_model

    try:
        model = get_service_model(service)
    except Exception:  # noqa: BLE001 - botocore's UnknownServiceError, which only auditor.aws may import
        return ()
    return tuple(_route(model.operation_model(name)) for name in model.operation_names)


def _route(operation: Any) -> Route:
    uri = operation.http.get("requestUri", "/")
    path, _, query = uri.partition("?")
    pattern = re.sub(r"\\\{\w+(\\\+)?\\\}", lambda m: "(.+)" if m[1] else "([^/]+)", re.escape(path))
    literals = {(name, value) for name, _, value in (part.partition("=") for part in query.split("&") if part)}
    required = [
        member.serialization
        for name, member in (operation.input_shape.members.items() if operation.input_shape else ())
        if name in operation.input_shape.required_members
    ]
    return Route(
        name=operation.name,
        method=operation.http.get("method", "POST"),
        path=re.compile(f"^{pattern}/?$"),
        literals=frozenset(literals),
        queries=frozenset(s["name"] for s in required if s.get("location") == "querystring"),
        headers=frozenset(s["name"].lower() for s in required if s.get("location") == "header"),
    )


def _presigned(request: Request) -> re.Match[str] | None:
    credential = parse_qs(request.query).get("X-Amz-Credential", [""])[0]
    return _CREDENTIAL.search(f"Credential={credential}")


def _unsigned(scope: re.Match[str] | None, service: str) -> str:
    # The only query-protocol calls that AWS takes without a signature are those of STS for web identities.
    return service if scope else "sts"


def _form(request: Request) -> dict[str, str]:
    raw = request.body.decode("utf-8", "replace") if b"Action=" in request.body else request.query
    return {name: values[0] for name, values in parse_qs(raw, keep_blank_values=True).items()}


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _named(params: dict[str, Any]) -> str:
    return next((str(params[name]) for name in _NAMING if params.get(name)), "")
