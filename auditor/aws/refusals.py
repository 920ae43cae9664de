"""What boto3 raises, said in auditor's words: a reason to compare, a sentence to read, and whether to try again."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

from auditor.errors import Refused, Text
from auditor.kinds.actions import action_of
from auditor.kinds.facet import Call


class Hope(Enum):
    """Whether asking again may help."""

    BUSY = "AWS did nothing and asks for patience"
    BROKEN = "AWS failed, or hung up, and may do better"
    SILENT = "nothing was heard, or nothing that makes sense"
    NONE = "the answer will be the same"


DENIALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "AuthorizationErrorException",
        "NotAuthorized",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
    }
)
"""What AWS's services call a missing permission."""

_BUSY = frozenset(
    {
        "BandwidthLimitExceeded",
        "ConcurrentModification",
        "ContinuousBackupsUnavailableException",  # for some minutes after a table was created
        "EntityTemporarilyUnmodifiable",
        "OperationAborted",  # S3: "a conflicting conditional operation is currently in progress"
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "ResourceInUseException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
_BROKEN = frozenset({"RequestTimeout", "RequestTimeoutException", "KMSInternalException", "DependencyTimeoutException"})
# A HEAD answer has no body, so botocore gives the status for a code; JSON services spell an expired token otherwise.
_RESPELLED = {
    "301": "PermanentRedirect",
    "400": "BadRequest",
    "403": "AccessDenied",
    "404": "NotFound",
    "405": "MethodNotAllowed",
    "ExpiredTokenException": "ExpiredToken",
    "TokenRefreshRequired": "ExpiredToken",
}
# botocore's exceptions by class name: the reason, the sentence, and the hope. The first that is met counts.
_RAISED: tuple[tuple[frozenset[str], str, Text, Hope], ...] = (
    (
        frozenset({"UnauthorizedSSOTokenError", "SSOTokenLoadError", "TokenRetrievalError", "LoginRefreshRequired"}),
        "ExpiredToken",
        Text(
            "The sign-in of these credentials has ended: sign in again.",
            "認証情報のサインインの有効期限が切れています。もう一度サインインしてください。",
        ),
        Hope.NONE,
    ),
    (
        frozenset({"ConfigNotFound", "ConfigParseError", "UnableToParseEndpoint"}),
        "NoCredentials",
        Text(
            "The AWS configuration files cannot be read, or miss what the profile refers to.",
            "AWS の設定ファイルを読めないか、プロファイルが参照する設定がありません。",
        ),
        Hope.NONE,
    ),
    (
        frozenset({"RefreshWithMFAUnsupportedError"}),
        "NoCredentials",
        Text(
            "The profile asks for an MFA code, and there is no terminal to ask for it at, or it must be given anew.",
            "プロファイルに MFA コードが必要ですが、入力できる端末がないか、再入力が必要です。",
        ),
        Hope.NONE,
    ),
    (
        frozenset(
            {
                "NoCredentialsError",
                "PartialCredentialsError",
                "CredentialRetrievalError",
                "InvalidConfigError",
                "InfiniteLoopConfigError",
                "MetadataRetrievalError",
                "NoAuthTokenError",
                "UnknownCredentialError",
            }
        ),
        "NoCredentials",
        Text("No usable credentials were found for the account.", "アカウントで使える認証情報が見つかりません。"),
        Hope.NONE,
    ),
    (
        frozenset({"ReadTimeoutError"}),
        "Timeout",
        Text("AWS did not answer in time.", "AWS から時間内に応答がありませんでした。"),
        Hope.SILENT,
    ),
    (
        frozenset({"ConnectTimeoutError"}),
        "Timeout",
        Text("No connection to AWS came about in time.", "AWS に時間内に接続できませんでした。"),
        Hope.SILENT,
    ),
    (
        frozenset({"ConnectionClosedError"}),
        "Unreachable",
        Text("AWS closed the connection without an answer.", "AWS が応答せずに接続を閉じました。"),
        Hope.BROKEN,
    ),
    (
        frozenset({"SSLError"}),
        "Unreachable",
        Text(
            "No trusted connection: the TLS certificate was not accepted.",
            "TLS 証明書を検証できず、安全に接続できません。",
        ),
        Hope.NONE,
    ),
    (
        frozenset({"ConnectionError", "EndpointConnectionError", "ProxyConnectionError", "HTTPClientError"}),
        "Unreachable",
        Text("The endpoint cannot be reached.", "エンドポイントに接続できません。"),
        Hope.SILENT,
    ),
    (
        frozenset({"NoRegionError", "InvalidRegionError", "UnknownEndpointError"}),
        "NoRegion",
        Text("No such Region.", "リージョンが存在しません。"),
        Hope.NONE,
    ),
    (
        frozenset({"ParamValidationError"}),
        "InvalidParameters",
        Text("AWS has no such call.", "該当する API がありません。"),
        Hope.NONE,
    ),
)
_NO_PROFILE = Text(
    "The AWS configuration files have no profile `{}`.", "AWS の設定ファイルにプロファイル `{}` がありません。"
)
_NO_ENDPOINT = Text(
    "`{}` is no endpoint: AWS_ENDPOINT_URL, or endpoint_url of the profile, must be a URL.",
    "`{}` はエンドポイントではありません。AWS_ENDPOINT_URL またはプロファイルの endpoint_url に URL を指定してください。",
)
_ABOUT = Text("{}: {}", "{}: {}")
_NO_SENSE = Text("{}: the answer makes no sense ({}).", "{}: 応答を解釈できません（{}）。")
_NO_WORD = Text("{}: HTTP {} without a word of AWS.", "{}: HTTP {} が返りましたが、AWS の応答ではありません。")
_ANSWERS = Text("{}: AWS answers {}{}", "{}: AWS の応答は {}{}")
_NO_ROLE = Text(
    "No credentials for the account: AWS answers {} to {}.",
    "アカウントの認証情報を取得できません。{1} に対する AWS の応答は {0} です。",
)
# AWS's words name the caller and may quote a key; neither is needed to mend what is wrong.
_CALLER = re.compile(r"^User: \S+ is not authorized", re.IGNORECASE)
_KEY = re.compile(r"\b(?:A3T[A-Z0-9]|AKIA|ASIA)[A-Z0-9]{12,}\b")
_PERFORM = re.compile(r"not authorized to perform:? ([a-z0-9-]+:[A-Za-z0-9]+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")
_LONGEST = 400
_INVALID_ENDPOINT = "Invalid endpoint: "


def refused(error: Exception, call: Call, secrets: Collection[str] = ()) -> tuple[Refused, Hope]:
    """Return what an exception of boto3 means for a call, and whether the call may be tried again.

    AWS's words may quote the request (a wrong signature is answered with all that was signed); `secrets` are left out.
    """
    response: Mapping[str, Any] | None = getattr(error, "response", None)
    if isinstance(response, Mapping) and isinstance(response.get("Error"), Mapping):
        return _answered(response, str(getattr(error, "operation_name", call.operation)), call, secrets)
    names = {kind.__name__ for kind in type(error).__mro__}
    if "ProfileNotFound" in names:
        sentence = _NO_PROFILE.fill(_CONTROL.sub(" ", str(getattr(error, "kwargs", {}).get("profile", ""))))
        return Refused("NoCredentials", _ABOUT.fill(_name(call), sentence)), Hope.NONE
    if isinstance(error, ValueError) and str(error).startswith(_INVALID_ENDPOINT):
        sentence = _NO_ENDPOINT.fill(tidy(str(error).removeprefix(_INVALID_ENDPOINT), secrets).rstrip("."))
        return Refused("Unreachable", _ABOUT.fill(_name(call), sentence)), Hope.NONE
    for known, reason, sentence, hope in _RAISED:
        if names & known:
            return Refused(reason, _ABOUT.fill(_name(call), sentence)), hope
    # What is left are answers that botocore's parsers stumble over, each with an exception of its own.
    return Refused("Malformed", _NO_SENSE.fill(_name(call), type(error).__name__)), Hope.SILENT


def _answered(
    response: Mapping[str, Any], operation: str, call: Call, secrets: Collection[str]
) -> tuple[Refused, Hope]:
    status = int((response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)
    code = str(response["Error"].get("Code") or status)
    if code.isdigit() and not operation.startswith("Head"):
        # Only the answers to HEAD have no body: here something between AWS and us has answered.
        return Refused("Malformed", _NO_WORD.fill(_name(call), status)), _hope(code, status)
    code = _RESPELLED.get(code, f"Http{code}" if code.isdigit() else code)
    message = str(response["Error"].get("Message") or "")
    if operation != call.operation:
        return _credentials_refused(code, operation), _hope(code, status)
    denied = _PERFORM.search(message)
    permission = (denied[1] if denied else action_of(call)) if code in DENIALS else ""
    said = f"{_name(call)}: AWS answers {code}" + (f": {tidy(message, secrets)}" if message else ".")
    return Refused(code, said, permission), _hope(code, status)


def _credentials_refused(code: str, operation: str) -> Refused:
    """Say that a call which boto3 made by itself (AssumeRole) was refused, without AWS's words: they name the role."""
    sentence = _NO_ROLE.fill(code, operation)
    assumed = operation.startswith("AssumeRole")
    return Refused(code, sentence, f"sts:{operation}" if assumed and code in DENIALS else "")


def _hope(code: str, status: int) -> Hope:
    if code in _BUSY or status == 429:
        return Hope.BUSY
    if code in _BROKEN or status in {500, 502, 503, 504}:
        return Hope.BROKEN
    return Hope.SILENT if code.isdigit() else Hope.NONE


def _name(call: Call) -> str:
    return f"{call.service}:{call.operation}"


def tidy(message: str, secrets: Collection[str] = ()) -> str:
    """Return AWS's words without the caller, keys and control characters, as one line that ends in a full stop."""
    for secret in secrets:
        message = message.replace(secret, "(secret)")
    text = _KEY.sub("(key)", _CALLER.sub("not authorized", _CONTROL.sub(" ", message))).strip()
    text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
    return text if text.endswith((".", "!", "…")) else text + "."
