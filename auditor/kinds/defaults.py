"""What AWS answers for fields that a template leaves out, and the fields that only a live resource has."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.model import Json

# https://docs.aws.amazon.com/lambda/latest/api/API_CreateFunction.html
FUNCTION: Mapping[str, Json] = {
    "PackageType": "Zip",
    "Timeout": 3,
    "MemorySize": 128,
    "Architectures": ["x86_64"],
    "EphemeralStorage": {"Size": 512},
    "TracingConfig": {"Mode": "PassThrough"},
    "Version": "$LATEST",
}
FUNCTION_LIVE = (
    *("CodeSize", "LastModified", "CodeSha256", "RevisionId", "Layers", "SnapStart", "VpcConfig", "FileSystemConfigs"),
    *("LoggingConfig", "RuntimeVersionConfig", "ImageConfigResponse", "LastUpdateStatusReason", "StateReason"),
)
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
QUEUE: Mapping[str, str] = {
    "VisibilityTimeout": "30",
    "MessageRetentionPeriod": "345600",
    "DelaySeconds": "0",
    "ReceiveMessageWaitTimeSeconds": "0",
}
QUEUE_LIVE = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
)
