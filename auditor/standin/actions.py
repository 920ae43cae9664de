"""The IAM action that AWS checks for an operation, where its name is not the operation's own."""

from __future__ import annotations

import re

# https://docs.aws.amazon.com/AmazonS3/latest/API/ and the Service Authorization Reference of Amazon S3.
_S3 = {
    "ListBuckets": "ListAllMyBuckets",
    "HeadBucket": "ListBucket",
    "ListObjects": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "ListObjectVersions": "ListBucketVersions",
    "ListMultipartUploads": "ListBucketMultipartUploads",
    "ListParts": "ListMultipartUploadParts",
    "GetBucketReplication": "GetReplicationConfiguration",
    "PutBucketReplication": "PutReplicationConfiguration",
    "DeleteBucketReplication": "PutReplicationConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "GetBucketLifecycle": "GetLifecycleConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "PutBucketLifecycle": "PutLifecycleConfiguration",
    "DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "DeleteBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketNotificationConfiguration": "GetBucketNotification",
    "PutBucketNotificationConfiguration": "PutBucketNotification",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
    "GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "PutObjectLockConfiguration": "PutBucketObjectLockConfiguration",
    "GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "PutBucketAccelerateConfiguration": "PutAccelerateConfiguration",
    "GetBucketCors": "GetBucketCORS",
    "PutBucketCors": "PutBucketCORS",
    "DeleteBucketCors": "PutBucketCORS",
    "DeleteBucketTagging": "PutBucketTagging",
    "GetBucketInventoryConfiguration": "GetInventoryConfiguration",
    "ListBucketInventoryConfigurations": "GetInventoryConfiguration",
    "PutBucketInventoryConfiguration": "PutInventoryConfiguration",
    "GetBucketMetricsConfiguration": "GetMetricsConfiguration",
    "ListBucketMetricsConfigurations": "GetMetricsConfiguration",
    "HeadObject": "GetObject",
    "CopyObject": "PutObject",
    "CreateMultipartUpload": "PutObject",
    "UploadPart": "PutObject",
    "UploadPartCopy": "PutObject",
    "CompleteMultipartUpload": "PutObject",
    "DeleteObjects": "DeleteObject",
}
_S3CONTROL = {
    "GetPublicAccessBlock": "GetAccountPublicAccessBlock",
    "PutPublicAccessBlock": "PutAccountPublicAccessBlock",
    "DeletePublicAccessBlock": "PutAccountPublicAccessBlock",
}
# With a version id in the request these are other actions.
_OF_VERSIONS = {
    action: action.replace("Object", "ObjectVersion", 1)
    for action in ("GetObject", "DeleteObject", "GetObjectAcl", "GetObjectTagging", "PutObjectTagging", "PutObjectAcl")
}
_LAMBDA = {"ListVersionsByFunction": "ListVersionsByFunction", "Invoke": "InvokeFunction"}
_PREFIX = {"s3control": "s3", "service-quotas": "servicequotas", "accessanalyzer": "access-analyzer"}

_OBJECT_ACTION = re.compile(
    r"^s3:(?:(?:Get|Put|Delete|Restore|Replicate|Update)Object(?!LockConfiguration)\w*|ReplicateDelete|ReplicateTags"
    r"|AbortMultipartUpload|ListMultipartUploadParts|ObjectOwnerOverrideToBucketOwner|InitiateReplication"
    r"|BypassGovernanceRetention)$",
    re.IGNORECASE,
)


def action_of(service: str, operation: str, *, versioned: bool = False) -> str:
    """Return the IAM action of an operation, for example s3:ListBucket of S3's HeadBucket."""
    if service == "s3":
        name = _S3.get(operation, operation)
        name = _OF_VERSIONS.get(name, name) if versioned else name
    elif service == "s3control":
        name = _S3CONTROL.get(operation, operation)
    elif service == "lambda":
        name = _LAMBDA.get(operation, re.sub(r"\d+$", "", operation))
    else:
        name = operation
    return f"{_PREFIX.get(service, service)}:{name}"


def on_objects(action: str) -> bool:
    """Return whether an S3 action without wildcards is about objects, not about the bucket."""
    return _OBJECT_ACTION.match(action) is not None
