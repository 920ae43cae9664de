"""How long a template of 1,000 pipelines takes to be read and judged, how much memory, and what Checkov takes.

Run: python -m tests.benchmarks.cloudformation [pipelines] [json|yaml] [checkov's command]
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from auditor import sources
from auditor.engine import evaluate
from auditor.model import Account, Node, Pipeline
from auditor.predicates import PREDICATES
from auditor.rulebook import load, wanted_facets
from auditor.run import Settings
from tests.benchmarks.checkov import compared

ACCOUNT = Account("production", "111122223333", "ap-northeast-1")


def trust(service):
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def resources(n):
    """Return the resources of one pipeline; those without a name are found by their logical id."""
    table, source, target, role, exporter, function = (
        f"{word}{n}" for word in ("Table", "Source", "Target", "Role", "Exporter", "Function")
    )
    objects = {"Fn::Sub": f"${{{source}.Arn}}/*"}
    return {
        table: {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "TableName": f"orders-{n}",
                "BillingMode": "PAY_PER_REQUEST",
                "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": 35},
                "DeletionProtectionEnabled": True,
            },
        },
        source: {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "VersioningConfiguration": {"Status": "Enabled"},
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "exports",
                            "Status": "Enabled",
                            "Prefix": "exports/",
                            "ExpirationInDays": 365,
                            "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
                        }
                    ]
                },
                "NotificationConfiguration": {
                    "LambdaConfigurations": [
                        {
                            "Event": "s3:ObjectCreated:CompleteMultipartUpload",
                            "Function": {"Fn::GetAtt": [function, "Arn"]},
                            "Filter": {"S3Key": {"Rules": [{"Name": "prefix", "Value": "exports/"}]}},
                        }
                    ]
                },
                "ReplicationConfiguration": {
                    "Role": {"Fn::GetAtt": [role, "Arn"]},
                    "Rules": [
                        {
                            "Id": "exports",
                            "Priority": 1,
                            "Status": "Enabled",
                            "Filter": {"Prefix": "exports/"},
                            "DeleteMarkerReplication": {"Status": "Enabled"},
                            "Destination": {
                                "Bucket": {"Fn::GetAtt": [target, "Arn"]},
                                "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
                                "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
                            },
                        }
                    ],
                },
            },
        },
        target: {"Type": "AWS::S3::Bucket", "Properties": {"VersioningConfiguration": {"Status": "Enabled"}}},
        f"{source}Policy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": source},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Deny",
                            "Principal": "*",
                            "Action": "s3:*",
                            "Resource": [{"Fn::GetAtt": [source, "Arn"]}, objects],
                            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                        }
                    ],
                },
            },
        },
        role: {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": trust("s3.amazonaws.com")},
        },
        f"{role}Policy": {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "replication",
                "Roles": [{"Ref": role}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": ["s3:GetReplicationConfiguration", "s3:ListBucket"],
                            "Resource": {"Fn::GetAtt": [source, "Arn"]},
                        },
                        {"Effect": "Allow", "Action": "s3:GetObjectVersion*", "Resource": objects},
                        {
                            "Effect": "Allow",
                            "Action": ["s3:ReplicateObject", "s3:ReplicateDelete", "s3:ReplicateTags"],
                            "Resource": {"Fn::Join": ["", [{"Fn::GetAtt": [target, "Arn"]}, "/*"]]},
                        },
                    ],
                },
            },
        },
        exporter: {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": f"exporter-{n}",
                "AssumeRolePolicyDocument": trust("lambda.amazonaws.com"),
                "Policies": [
                    {
                        "PolicyName": "export",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": ["dynamodb:ExportTableToPointInTime"],
                                    "Resource": {"Fn::GetAtt": [table, "Arn"]},
                                },
                                {
                                    "Effect": "Allow",
                                    "Action": ["s3:PutObject", "s3:AbortMultipartUpload", "s3:PutObjectAcl"],
                                    "Resource": objects,
                                },
                            ],
                        },
                    }
                ],
            },
        },
        function: {
            "Type": "AWS::Lambda::Function",
            "Properties": {"FunctionName": f"on-export-{n}", "Role": {"Fn::GetAtt": [exporter, "Arn"]}},
        },
        f"{function}Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {
                "FunctionName": {"Ref": function},
                "Action": "lambda:InvokeFunction",
                "Principal": "s3.amazonaws.com",
                "SourceAccount": {"Ref": "AWS::AccountId"},
                "SourceArn": {"Fn::GetAtt": [source, "Arn"]},
            },
        },
    }


def pipeline(n):
    def node(name, kind, identity="", logical=""):
        return Node(name, kind, ACCOUNT, identity, {}, {"cloudformation": logical} if logical else {})

    nodes = (
        node("table", "dynamodb.table", f"orders-{n}"),
        node("exporter", "iam.role", f"exporter-{n}"),
        node("source_bucket", "s3.bucket", "", f"Source{n}"),
        node("consumer", "lambda.function", f"on-export-{n}"),
        node("replication_role", "iam.role", "", f"Role{n}"),
        node("destination_bucket", "s3.bucket", "", f"Target{n}"),
    )
    return Pipeline(f"orders-{n}", {one.name: one for one in nodes}, {"production": ACCOUNT})


def written(count):
    """Return the pipeline file of such a template."""
    lines = ["version: 1", "accounts:", '  production: {id: "111122223333", region: ap-northeast-1}', "pipelines:"]
    for n in range(count):
        lines.append(f"  orders-{n}:")
        for name, one in pipeline(n).nodes.items():
            word = {"iam.role": "role", "lambda.function": "lambda"}.get(one.kind, "name")
            known = f"{word}: {one.id}" if one.id else f"cloudformation: {one.addresses['cloudformation']}"
            lines.append(f"    {name}: {{account: production, {known}}}")
    return "\n".join(lines) + "\n"


def main(count=1000, form="json", command=""):
    rules = load((), vet=False)
    made = {name: one for n in range(count) for name, one in resources(n).items()}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / f"template.{form}"
        if form == "json":
            file.write_text(json.dumps({"Resources": made}, indent=1))
        else:
            import yaml

            file.write_text(yaml.dump({"Resources": made}, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)))
        pipelines = [pipeline(n) for n in range(count)]
        needs = {one.name: wanted_facets(rules, one, to_fix=False) for one in pipelines}
        begun = time.process_time()
        snapshots = list(sources.read(pipelines, needs, [f"cloudformation:{file}"], aws=None, options=Settings()))
        read = time.process_time()
        verdicts = [one.verdict.value for snapshot in snapshots for one in evaluate(snapshot, rules, PREDICATES)]
        judged = time.process_time()
        size = file.stat().st_size / 1e6
        if command:
            listed = Path(folder) / "pipelines.yaml"
            listed.write_text(written(count))
            told = compared(command, listed, f"cloudformation:{file}", "cloudformation")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = {verdict: verdicts.count(verdict) for verdict in sorted(set(verdicts))}
    sys.stdout.write(
        f"{count} pipelines, {form}, {size:.1f} MB: read {read - begun:.1f} s, judged {judged - read:.1f} s of processor time, "
        f"peak {peak:.0f} MiB, {counts}\n"
    )
    if command:
        sys.stdout.write(told + "\n")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, sys.argv[2] if len(sys.argv) > 2 else "json", *sys.argv[3:4])
