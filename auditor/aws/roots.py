"""The element in which an XML answer must stand: botocore takes any other for an empty document, which may be a verdict."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

# Of S3's answers; botocore's model does not name the elements of most of them.
# https://docs.aws.amazon.com/AmazonS3/latest/API/API_Operations.html
_S3: Mapping[str, str] = MappingProxyType(
    {
        "DescribeJob": "DescribeJobResult",
        "GetBucketAcl": "AccessControlPolicy",
        "GetBucketEncryption": "ServerSideEncryptionConfiguration",
        "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
        "GetBucketLocation": "LocationConstraint",
        "GetBucketLogging": "BucketLoggingStatus",
        "GetBucketNotificationConfiguration": "NotificationConfiguration",
        "GetBucketOwnershipControls": "OwnershipControls",
        "GetBucketPolicyStatus": "PolicyStatus",
        "GetBucketReplication": "ReplicationConfiguration",
        "GetBucketRequestPayment": "RequestPaymentConfiguration",
        "GetBucketVersioning": "VersioningConfiguration",
        "GetObjectLockConfiguration": "ObjectLockConfiguration",
        "GetPublicAccessBlock": "PublicAccessBlockConfiguration",
        "ListBuckets": "ListAllMyBucketsResult",
        "ListJobs": "ListJobsResult",
        "ListMultipartUploads": "ListMultipartUploadsResult",
        "ListObjectVersions": "ListVersionsResult",
        "ListObjectsV2": "ListBucketResult",
    }
)
_FIRST = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?.*?\?>\s*|<!--.*?-->\s*)*<(?:[\w.-]+:)?([\w.-]+)", re.DOTALL)


def fits(operation_model: Any, body: bytes) -> bool:
    """Tell whether a successful answer in XML stands in the element in which AWS sends it; one not known here fits."""
    protocol, name = operation_model.service_model.resolved_protocol, operation_model.name
    # IAM, STS and SNS name it so; of S3, moto does where there is nothing to tell.
    wanted = {f"{name}Response"}
    if protocol == "rest-xml" and name in _S3:
        wanted.add(_S3[name])
    elif protocol != "query":
        return True
    found = _FIRST.match(body)
    return found is not None and found[1].decode() in wanted
