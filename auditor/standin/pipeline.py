"""The pipeline of two accounts as AWS calls: as it should be, and as it is easily mis-set.

Production exports a table to its bucket, a function is woken, S3 replicates into a bucket of the analytics account.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from auditor.standin.blueprint import (
    Names,
    bucket,
    consumer,
    destination_policy,
    listener,
    log_bucket,
    replication,
    replication_rule,
    role_policy,
    roles,
    table,
    tls_only,
    trust,
)
from auditor.standin.steps import ClientFactory, Step, Steps, build, policy, vary

__all__ = ["Names", "build_golden", "build_misset", "golden", "misset"]


def golden(names: Names | None = None) -> Steps:
    """Return the calls that build a correct pipeline."""
    names = names or Names()
    production = partial(Step, account=names.production, region=names.region)
    analytics = partial(Step, account=names.analytics, region=names.destination_region)
    return (
        *roles(names, production),
        *table(names, production),
        *log_bucket("production-logs", production, names.production_logs, names.source),
        *log_bucket("analytics-logs", analytics, names.analytics_logs, names.destination),
        *bucket("destination", analytics, names, destination_policy(names)),
        *bucket("source", production, names, policy(tls_only(names.source))),
        *consumer(names, production),
        production("replication", service="s3", method="put_bucket_replication", params=replication(names)),
        production(
            "export",
            service="dynamodb",
            method="export_table_to_point_in_time",
            params={"TableArn": names.table_arn, "S3Bucket": names.source, "S3Prefix": names.prefix.rstrip("/")},
        ),
    )


def misset(names: Names | None = None) -> Steps:
    """Return the calls that build a pipeline with the usual mistakes; AWS accepts every one of them.

    PITR off; listening to Put and Post; lifecycle and versioning on one side only; delete markers left at their
    default; a role that may not replicate deletes; a bucket policy that names another role; an export of before.
    """
    names = names or Names()
    steps = golden(names)
    found = {step.name: step for step in steps}
    rule = replication_rule(names) | {"DeleteMarkerReplication": {"Status": "Disabled"}}
    deaf = listener(names) | {"Events": ["s3:ObjectCreated:Put", "s3:ObjectCreated:Post"]}
    heard = found["notification"].params["NotificationConfiguration"] | {"LambdaFunctionConfigurations": [deaf]}
    analytics = partial(Step, account=names.analytics, region=names.destination_region)
    wrong_role = {"RoleName": names.wrong_role, "AssumeRolePolicyDocument": trust("s3.amazonaws.com")}
    old = {"Bucket": names.source, "Key": f"{names.prefix}AWSDynamoDB/01700000000000-0a1b2c3d/manifest-summary.json"}
    return vary(
        steps,
        change={
            "role.policy": {"PolicyDocument": role_policy(names, without=("s3:ReplicateDelete",))},
            "destination.policy": {"Policy": destination_policy(names, role=names.wrong_role)},
            "notification": {"NotificationConfiguration": heard},
            "replication": {"ReplicationConfiguration": {"Role": names.role_arn(names.role), "Rules": [rule]}},
        },
        # AWS refuses to replicate into a bucket that is not versioned, and lets it be suspended afterwards.
        drop=("table.recovery", "export", "destination.lifecycle"),
        before={
            "destination.policy": Step("wrong-role", names.production, names.region, "iam", "create_role", wrong_role),
            "replication": Step(
                "old-export", names.production, names.region, "s3", "put_object", old | {"Body": b"{}"}
            ),
        },
        add=(
            analytics(
                "destination.suspended",
                service="s3",
                method="put_bucket_versioning",
                params={**found["destination.versioning"].params, "VersioningConfiguration": {"Status": "Suspended"}},
            ),
        ),
    )


def build_golden(clients: ClientFactory, names: Names | None = None) -> dict[str, Any]:
    """Build the correct pipeline; return the answers by step name."""
    return build(golden(names), clients)


def build_misset(clients: ClientFactory, names: Names | None = None) -> dict[str, Any]:
    """Build the mis-set pipeline; return the answers by step name."""
    return build(misset(names), clients)
