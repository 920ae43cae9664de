"""S3's bucket and object requests, repaired around moto's own handling of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from auditor.standin.access import Need, account_may
from auditor.standin.actions import action_of
from auditor.standin.callers import Caller, caller_of
from auditor.standin.operations import Request, identify
from auditor.standin.options import OPTIONS
from auditor.standin.patch import wrap
from auditor.standin.s3 import lifecycle, notification, policy, replicating, replication, settings
from auditor.standin.s3.documents import Document, Put, find_bucket, forget, has, parse, store, stored
from auditor.standin.wire import Refusal, error_answer

DOCUMENTS = {
    document.query: document
    for document in (
        replication.DOCUMENT,
        lifecycle.DOCUMENT,
        notification.DOCUMENT,
        settings.ENCRYPTION,
        settings.LOGGING,
        settings.PAYMENT,
        settings.VERSIONING,
        settings.OWNERSHIP,
        settings.PUBLIC_ACCESS,
    )
}
# moto takes these for ListObjects (GET) or CreateBucket (PUT).
NOT_IMPLEMENTED = frozenset(
    [
        "intelligent-tiering",
        "analytics",
        "metrics",
        "metadataConfiguration",
        "metadataTable",
        "metadataInventoryTable",
        "metadataJournalTable",
        "abac",
        "session",
    ]
)
_POLICY_QUERIES = frozenset({"policy", "policyStatus"})
_STATUS_HEADER = "x-amz-replication-status"
_STATUS_METADATA = "x-amz-meta-replication-status"
_LOCATED_ELSEWHERE = (
    "The bucket you are attempting to access must be addressed using the specified endpoint. "
    "Please send all future requests to this endpoint."
)
_OWNER = {"ID": "75aa57f09aa0c8caeab4f8c24e99d10f8e7faeebf76c078efc7c6caea54ba06a"}


def install() -> None:
    """Put the repairs around moto's S3 responses."""
    from moto.s3.models import FakeBucket, S3Backend
    from moto.s3.responses import S3Response

    wrap(S3Response, "_bucket_response", _bucket_response)
    wrap(S3Response, "_key_response", _key_response)
    wrap(S3Backend, "create_bucket", _create_bucket)
    # moto lets a Deny for everybody decide without looking at its conditions; _guard asks auditor.iam.
    wrap(FakeBucket, "get_permission", lambda _: _undecided)


@dataclass(frozen=True)
class Asked:
    """A request on its way through moto's S3: its response object, the HTTP request, and how moto would answer."""

    response: Any
    request: Any
    url: str
    original: Any

    @property
    def query(self) -> dict[str, list[str]]:
        """Return the query parameters, each a list."""
        return self.response._get_querystring(self.request, self.url)  # type: ignore[no-any-return]  # noqa: SLF001

    @property
    def bucket_name(self) -> str:
        """Return the bucket's name, empty when the account is asked."""
        return str(self.response.parse_bucket_name_from_url(self.request, self.url) or "")

    @property
    def headers(self) -> dict[str, str]:
        """Return the request headers, names in lower case."""
        return {name.lower(): value for name, value in self.request.headers.items()}

    @property
    def body(self) -> bytes:
        """Return the request body."""
        body = self.response.body
        return body if isinstance(body, bytes) else str(body).encode()

    @property
    def creates(self) -> bool:
        """Return whether this is CreateBucket, which has its own answers for a name that is taken."""
        return self.request.method == "PUT" and not self.query and "/" not in self.request.path.strip("/")

    def by_moto(self) -> Any:
        """Return moto's answer."""
        return self.original(self.response, self.request, self.url)

    def answer(self, operation: str, result: dict[str, Any]) -> Any:
        """Return the answer of an operation, serialized by moto."""
        from moto.core.responses import ActionResult

        self.response.data["Action"] = operation
        return self.response.serialized(ActionResult(result))


def _bucket_response(original: Any) -> Any:
    def respond(self: Any, request: Any, full_url: str) -> Any:
        try:
            return _answer_bucket(Asked(self, request, full_url, original))
        except Refusal as refusal:
            return _refused(request, refusal)

    return respond


def _answer_bucket(asked: Asked) -> Any:
    query = asked.query
    if not asked.bucket_name:
        return _list_buckets(asked) if {"max-buckets", "continuation-token"} & query.keys() else asked.by_moto()
    bucket = find_bucket(asked.bucket_name)
    if bucket is not None:
        _guard(asked, bucket)
    if absent := NOT_IMPLEMENTED & query.keys():
        raise Refusal("NotImplemented", f"The stand-in does not implement {', '.join(sorted(absent))}.", 501)
    word = next((word for word in DOCUMENTS if word in query), None)
    if bucket is None:
        if word is not None and asked.request.method == "PUT":
            raise Refusal("NoSuchBucket", "The specified bucket does not exist", 404)
        return asked.by_moto()
    if word is not None:
        return _answer_document(asked, bucket, DOCUMENTS[word])
    return _answer_policy(asked, bucket) if _POLICY_QUERIES & query.keys() else asked.by_moto()


def _answer_document(asked: Asked, bucket: Any, document: Document) -> Any:
    if asked.request.method == "PUT":
        put = Put(asked.response.backend, bucket, parse(document.put, asked.body), asked.headers)
        store(put, document.query, document.check(put))
        return 200, {}, ""
    if asked.request.method == "DELETE":
        forget(bucket, document.query)
        answer = asked.by_moto()
        if document.query == "encryption" and OPTIONS.bucket_defaults:
            _default_encryption(bucket)
        return answer
    kept = stored(bucket, document)
    return asked.by_moto() if kept is None else asked.answer(document.get, kept)


def _answer_policy(asked: Asked, bucket: Any) -> Any:
    if asked.request.method == "PUT":
        policy.check(bucket, asked.body, blocked=settings.blocks(bucket, "block_public_policy"))
        bucket.policy = asked.body
        return 204, {}, ""
    if asked.request.method == "DELETE" or not bucket.policy:
        return asked.by_moto()
    if "policyStatus" in asked.query:
        public = policy.is_public(policy.document(bucket.policy))
        return asked.answer("GetBucketPolicyStatus", {"PolicyStatus": {"IsPublic": public}})
    return 200, {"content-type": "application/json"}, policy.as_answered(bucket, bucket.policy)


def _key_response(original: Any) -> Any:
    def respond(self: Any, request: Any, full_url: str) -> Any:
        asked = Asked(self, request, full_url, original)
        try:
            bucket = find_bucket(asked.bucket_name)
            if bucket is not None:
                _guard(asked, bucket)
            answer = asked.by_moto()
        except Refusal as refusal:
            return _refused(request, refusal)
        if bucket is not None and request.method in ("HEAD", "GET") and answer[0] in (200, 206):
            _tell_replication(bucket, asked, answer[1])
        return answer

    return respond


def _tell_replication(bucket: Any, asked: Asked, headers: dict[str, str]) -> None:
    """Add the replication status of the object, or what its metadata `replication-status` pretends."""
    pretended = next((value for name, value in headers.items() if name.lower() == _STATUS_METADATA), None)
    wanted = asked.query.get("versionId", [None])[0]
    versions = bucket.keys.getlist(asked.response.parse_key_name(), [])
    key = next((each for each in reversed(versions) if wanted in (None, str(each.version_id))), None)
    status = pretended or (replicating.status(key) if key is not None else None)
    if status is not None:
        headers[_STATUS_HEADER] = status


def _guard(asked: Asked, bucket: Any) -> None:
    """Refuse the wrong Region, the wrong expected owner, and the caller of another account."""
    if asked.creates:
        return
    region = {"x-amz-bucket-region": bucket.region_name}
    # GetBucketLocation answers in every Region.
    located = "location" in asked.query and asked.request.method == "GET"
    if OPTIONS.region_redirects and asked.response.region != bucket.region_name and not located:
        raise Refusal("PermanentRedirect", _LOCATED_ELSEWHERE, 301, region)
    if asked.headers.get("x-amz-expected-bucket-owner", bucket.account_id) != bucket.account_id:
        raise Refusal("AccessDenied", "Access Denied", 403, region)
    foreign = asked.response.current_account != bucket.account_id
    if foreign and OPTIONS.cross_account and _POLICY_QUERIES & asked.query.keys():
        text = "The specified method is not allowed against this resource."
        raise Refusal("MethodNotAllowed", text, 405, region)
    if (OPTIONS.cross_account or not foreign) and not OPTIONS.enforce and not _let_in(asked, bucket):
        raise Refusal("AccessDenied", "Access Denied", 403, region)


def _let_in(asked: Asked, bucket: Any) -> bool:
    """Return whether the bucket policy lets another account in, and does not deny the bucket's own."""
    query = asked.request.url.partition("?")[2]
    operation = identify(Request(asked.request.method, asked.request.path, query, asked.headers))
    account = asked.response.current_account
    caller = caller_of(operation.key) or Caller(account, f"arn:aws:iam::{account}:root", "root")
    action = action_of("s3", operation.name, versioned="versionId" in operation.params)
    key = operation.resource.partition("/")[2]
    resource = f"{bucket.arn}/{key}" if key else bucket.arn
    return account_may(caller, Need(action, resource, bucket.account_id, bucket.policy))


def _list_buckets(asked: Asked) -> Any:
    """Answer a page of ListBuckets; moto truncates without a token."""
    first = {name: values[0] for name, values in asked.query.items()}
    buckets = asked.response.backend.list_buckets(first.get("prefix"), first.get("bucket-region"), None)
    rest = sorted((each for each in buckets if each.name > first.get("continuation-token", "")), key=lambda b: b.name)
    page = rest[: int(first.get("max-buckets", 10_000))]
    answer: dict[str, Any] = {
        "Owner": _OWNER,
        "Buckets": [
            {"Name": each.name, "CreationDate": each.creation_date_ISO8601, "BucketRegion": each.region_name}
            for each in page
        ],
    }
    if len(rest) > len(page):
        answer["ContinuationToken"] = page[-1].name
    return asked.answer("ListBuckets", answer)


def _undecided(*_: Any) -> Any:
    from moto.iam.access_control import PermissionResult

    return PermissionResult.NEUTRAL


def _refused(request: Any, refusal: Refusal) -> tuple[int, dict[str, str], bytes]:
    status, headers, body = error_answer("rest-xml", refusal)
    return status, headers, b"" if request.method == "HEAD" else body


def _create_bucket(original: Any) -> Any:
    """Give new buckets what AWS gives them since 2023; moto's are of before."""

    def create(self: Any, bucket_name: str, region_name: str, *args: Any, **kwargs: Any) -> Any:
        bucket = original(self, bucket_name, region_name, *args, **kwargs)
        if OPTIONS.bucket_defaults:
            on = dict.fromkeys(settings.PUBLIC_ACCESS_FLAGS, True)
            self.put_public_access_block(bucket_name, on)
            bucket.ownership_rule = "BucketOwnerEnforced"
            _default_encryption(bucket)
        return bucket

    return create


def _default_encryption(bucket: Any) -> None:
    """SSE-S3, and SSE-C blocked as on buckets created since April 2026."""
    if has(bucket, "encryption"):
        return
    default = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": False}
    bucket.encryption = {"Rule": default}
    document = {"Rules": [default | {"BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]}}]}
    store(Put(None, bucket, document, {}), "encryption", {})
