"""AWS's own managed policies that roles of pipelines usually have: a template or plan names them and does not tell them."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.model import Json

_LOGS = ("logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents")
_ALLOWED: Mapping[str, tuple[str, ...]] = {
    "AdministratorAccess": ("*",),
    "AmazonS3FullAccess": ("s3:*", "s3-object-lambda:*"),
    "AmazonS3ReadOnlyAccess": (
        "s3:Get*",
        "s3:List*",
        "s3:Describe*",
        "s3-object-lambda:Get*",
        "s3-object-lambda:List*",
    ),
    "AmazonSQSFullAccess": ("sqs:*",),
    "AWSXRayDaemonWriteAccess": (
        "xray:PutTraceSegments",
        "xray:PutTelemetryRecords",
        "xray:GetSamplingRules",
        "xray:GetSamplingTargets",
        "xray:GetSamplingStatisticSummaries",
    ),
    "service-role/AWSLambdaBasicExecutionRole": _LOGS,
    "service-role/AWSLambdaDynamoDBExecutionRole": (
        "dynamodb:DescribeStream",
        "dynamodb:GetRecords",
        "dynamodb:GetShardIterator",
        "dynamodb:ListStreams",
        *_LOGS,
    ),
    "service-role/AWSLambdaRole": ("lambda:InvokeFunction",),
    "service-role/AWSLambdaSQSQueueExecutionRole": (
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "sqs:GetQueueAttributes",
        *_LOGS,
    ),
    "service-role/AWSLambdaVPCAccessExecutionRole": (
        *_LOGS,
        "ec2:CreateNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DeleteNetworkInterface",
        "ec2:AssignPrivateIpAddresses",
        "ec2:UnassignPrivateIpAddresses",
    ),
    "service-role/AmazonECSTaskExecutionRolePolicy": (
        "ecr:GetAuthorizationToken",
        "ecr:BatchCheckLayerAvailability",
        "ecr:GetDownloadUrlForLayer",
        "ecr:BatchGetImage",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
    ),
}
"""What each allows on every resource, by its path and name. AWS takes no permission out of a managed policy of its own:
https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_managed-vs-inline.html, and their texts stand in
https://docs.aws.amazon.com/aws-managed-policy/latest/reference/policy-list.html
"""

NAMES = tuple(_ALLOWED)
"""The paths and names of those that are known here."""


def document(arn: str) -> Json:
    """Return the document of one of AWS's own managed policies by its ARN, `None` for one that is not known here."""
    head, _, name = arn.partition(":policy/")
    if not (head.startswith("arn:") and head.endswith(":iam::aws")) or name not in _ALLOWED:
        return None
    statement = {"Effect": "Allow", "Action": list(_ALLOWED[name]), "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}
