"""One fixed report, from which the golden examples of every format are made."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

from auditor.errors import Place
from auditor.model import (
    Account,
    Evidence,
    Finding,
    Node,
    Notice,
    Pipeline,
    Report,
    Resource,
    Safety,
    Severity,
    Snapshot,
    Text,
    Unread,
    Usage,
    Verdict,
    Waiver,
)
from auditor.seals import Sealing

EXAMPLES = Path(__file__).resolve().parents[2] / "reports" / "examples"
FILE = "pipelines/orders.yaml"
PRODUCTION = Account("production", "111122223333", "ap-northeast-1", profile="production", place=Place(FILE, 3, 3))
ANALYTICS = Account(
    "analytics",
    "444455556666",
    "ap-northeast-1",
    assume_role="arn:aws:iam::444455556666:role/auditor",
    place=Place(FILE, 4, 3),
)
NODES = {
    "table": Node("table", "dynamodb.table", PRODUCTION, "orders", place=Place(FILE, 7, 5)),
    "exporter": Node("exporter", "iam.role", PRODUCTION, "export-job", place=Place(FILE, 8, 5)),
    "source_bucket": Node(
        "source_bucket", "s3.bucket", PRODUCTION, "orders-export", {"prefix": "exports/"}, place=Place(FILE, 9, 5)
    ),
    "consumer": Node("consumer", "lambda.function", PRODUCTION, "on-export", place=Place(FILE, 10, 5)),
    "replication_role": Node(
        "replication_role", "iam.role", PRODUCTION, "orders-replication", place=Place(FILE, 11, 5)
    ),
    "destination_bucket": Node(
        "destination_bucket", "s3.bucket", ANALYTICS, "orders-analytics", place=Place(FILE, 12, 5)
    ),
}
LAMBDA = "arn:aws:lambda:ap-northeast-1:111122223333:function:on-export"
ROLE = "arn:aws:iam::111122223333:role/orders-replication"
NOTIFICATION = {
    "LambdaFunctionConfigurations": [
        {"Id": "wake", "LambdaFunctionArn": LAMBDA, "Events": ["s3:ObjectCreated:Put", "s3:ObjectCreated:Post"]}
    ]
}
REPLICATION = {
    "Role": ROLE,
    "Rules": [
        {
            "ID": "to-analytics",
            "Priority": 1,
            "Status": "Enabled",
            "Filter": {"Prefix": "exports/"},
            "DeleteMarkerReplication": {"Status": "Disabled"},
            "Destination": {"Bucket": "arn:aws:s3:::orders-analytics", "Account": "444455556666"},
        }
    ],
}
RESOURCES = {
    "table": Resource(
        NODES["table"],
        {
            "ContinuousBackups": {
                "ContinuousBackupsStatus": "ENABLED",
                "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
            }
        },
        attributes={"Arn": "arn:aws:dynamodb:ap-northeast-1:111122223333:table/orders", "Name": "orders"},
    ),
    "exporter": Resource(
        NODES["exporter"],
        {"InlinePolicies": {}},
        attributes={"Arn": "arn:aws:iam::111122223333:role/export-job"},
    ),
    "source_bucket": Resource(
        NODES["source_bucket"],
        {
            "Notification": NOTIFICATION,
            "Replication": REPLICATION,
            "Versioning": {"Status": "Enabled"},
            "Lifecycle": None,
        },
        attributes={"Arn": "arn:aws:s3:::orders-export", "Name": "orders-export"},
    ),
    "consumer": Resource(NODES["consumer"], {"Policy": {"Statement": []}}, attributes={"Arn": LAMBDA}),
    "replication_role": Resource(NODES["replication_role"], {"InlinePolicies": {}}, attributes={"Arn": ROLE}),
    "destination_bucket": Resource(
        NODES["destination_bucket"],
        {"Lifecycle": None},
        {
            "Versioning": Unread("AccessDenied", "s3:GetBucketVersioning"),
            "Policy": Unread("AccessDenied", "s3:GetBucketPolicy"),
        },
        attributes={"Arn": "arn:aws:s3:::orders-analytics", "Name": "orders-analytics"},
    ),
}


def finding(rule, node, verdict, severity, en, ja, evidence=(), why=("", ""), **more):
    return Finding(
        rule=rule,
        pipeline="orders",
        node=node,
        verdict=verdict,
        severity=severity,
        title=Text(en, ja),
        why=Text(*why),
        evidence=tuple(evidence),
        resource=RESOURCES[node],
        **more,
    )


def report() -> Report:
    """Return the report: failures of every safety, an unknown, a waived one, one in the baseline, and passes."""
    made = _unsealed()
    sealing = Sealing(())
    sealing.take(made.snapshots[0], made.findings)
    return replace(made, seal=sealing.seal())


def _unsealed() -> Report:
    pipeline = Pipeline("orders", NODES, {"production": PRODUCTION, "analytics": ANALYTICS}, place=Place(FILE, 6, 3))
    return Report(
        findings=(*_failures(), *_accepted(), *_quiet()),
        snapshots=(Snapshot(pipeline, RESOURCES, "live", "2026-11-24T18:00:01Z"),),
        notices=(
            Notice(
                "waiver-ends-soon",
                Text(
                    "The waiver for replication-time-control ends on 2026-12-01, in 7 days.",
                    "replication-time-control の適用除外は 2026-12-01 に切れます（あと 7 日）。",
                ),
                Place(FILE, 21, 5),
            ),
        ),
        source="live",
        started_at="2026-11-24T18:00:00Z",
        version="0.1.0",
        declared=24,
        read=22,
        usage=Usage(26, 1, 3.214),
        rules=tuple(sorted({one.rule for one in (*_failures(), *_accepted(), *_quiet())})),
    )


def _failures():
    hears = finding(
        "notification-hears-exports",
        "source_bucket",
        Verdict.FAIL,
        Severity.CRITICAL,
        "The source bucket tells the consumer when an export lands",
        "エクスポートの到着がコンシューマーに通知される",
        [
            Evidence(
                "source_bucket.Notification.LambdaFunctionConfigurations[0].Events",
                Text(
                    "s3:ObjectCreated:CompleteMultipartUpload or s3:ObjectCreated:*",
                    "s3:ObjectCreated:CompleteMultipartUpload または s3:ObjectCreated:*",
                ),
                ["s3:ObjectCreated:Put", "s3:ObjectCreated:Post"],
                Place(FILE, 9, 5),
                Text(
                    "DynamoDB writes exports as multipart uploads; s3:ObjectCreated:Put does not hear them.",
                    "DynamoDB はエクスポートをマルチパートアップロードで書き込むため、s3:ObjectCreated:Put では検知できません。",
                ),
            )
        ],
        (
            "DynamoDB writes exports as multipart uploads, so a notification on Put and Post is never sent.",
            "DynamoDB のエクスポートはマルチパートアップロードで書き込まれます。Put や Post だけの通知は一度も届かず、後続処理が起動しません。",
        ),
        safety=Safety.SAFE,
        fixable=True,
        tags=("notification", "seed"),
        references=(
            "https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-how-to-event-types-and-destinations.html",
        ),
    )
    pitr = finding(
        "pitr-enabled",
        "table",
        Verdict.FAIL,
        Severity.CRITICAL,
        "The exported table has point-in-time recovery on",
        "エクスポート対象のテーブルで PITR が有効になっている",
        [
            Evidence(
                "table.ContinuousBackups.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus",
                "ENABLED",
                "DISABLED",
                Place(FILE, 7, 5),
            )
        ],
        ("Without point-in-time recovery the export is refused.", "PITR が無効だとエクスポートは拒否されます。"),
        safety=Safety.SAFE,
        fixable=True,
        cost=Text("PITR is charged by the size of the table.", "PITR はテーブルのサイズに応じて課金されます。"),
        tags=("dynamodb", "seed"),
    )
    markers = finding(
        "replication-delete-markers",
        "source_bucket",
        Verdict.FAIL,
        Severity.HIGH,
        "Delete markers are replicated as the pipeline intends",
        "削除マーカーのレプリケーションが意図どおりに設定されている",
        [
            Evidence(
                "source_bucket.Replication.Rules[0].DeleteMarkerReplication.Status",
                "Enabled",
                "Disabled",
                Place(FILE, 9, 5),
            )
        ],
        (
            "An object deleted at the source stays readable in the analytics account.",
            "送信元で削除したオブジェクトが分析アカウントでは読めるまま残ります。",
        ),
        safety=Safety.REVIEW,
        fixable=True,
        tags=("replication", "seed"),
    )
    lifecycle = finding(
        "lifecycle-expires-noncurrent",
        "source_bucket",
        Verdict.FAIL,
        Severity.MEDIUM,
        "Noncurrent versions expire",
        "非現行バージョンに有効期限が設定されている",
        [
            Evidence(
                "source_bucket.Lifecycle",
                Text(
                    "an Enabled rule with NoncurrentVersionExpiration for exports/",
                    "exports/ を対象に NoncurrentVersionExpiration を行う有効なルール（Enabled）",
                ),
                None,
                Place(FILE, 9, 5),
            )
        ],
        ("Old versions are kept, and paid for, for ever.", "古いバージョンが残り続け、課金され続けます。"),
        safety=Safety.MANUAL,
        steps=Text(
            "Decide for how many days old versions must be readable, then add NoncurrentVersionExpiration.",
            "旧バージョンを何日間残すかを決めてから NoncurrentVersionExpiration を追加してください。",
        ),
        tags=("lifecycle", "seed"),
    )
    return hears, pitr, markers, lifecycle


def _accepted():
    versioning = finding(
        "versioning-enabled",
        "destination_bucket",
        Verdict.UNKNOWN,
        Severity.CRITICAL,
        "Both buckets keep versions",
        "両方のバケットでバージョニングが有効になっている",
        [
            Evidence(
                "destination_bucket.Versioning.Status",
                "Enabled",
                None,
                Place(FILE, 12, 5),
                None,
                Unread("AccessDenied", "s3:GetBucketVersioning"),
            )
        ],
        ("Replication needs versioning on both sides.", "レプリケーションには両側のバージョニングが必要です。"),
        safety=Safety.SAFE,
        tags=("replication", "seed"),
    )
    control = finding(
        "replication-time-control",
        "source_bucket",
        Verdict.FAIL,
        Severity.MEDIUM,
        "Replication Time Control is on",
        "Replication Time Control（RTC）が有効になっている",
        [
            Evidence(
                "source_bucket.Replication.Rules[0].Destination.ReplicationTime",
                {"Status": "Enabled"},
                None,
                Place(FILE, 9, 5),
            )
        ],
        (
            "Without it nobody is told when replication is late.",
            "RTC がないと、レプリケーションの遅延に誰も気付けません。",
        ),
        safety=Safety.SAFE,
        fixable=True,
        tags=("replication", "seed"),
        waiver=Waiver(
            "The nightly copy may take an hour",
            "data-team",
            date(2026, 12, 1),
            "replication-time-control",
            "orders",
            "source_bucket",
            place=Place(FILE, 21, 5),
        ),
    )
    logging = finding(
        "access-logging",
        "source_bucket",
        Verdict.FAIL,
        Severity.LOW,
        "Access to the bucket is logged",
        "バケットへのアクセスが記録されている",
        [
            Evidence(
                "source_bucket.Logging.LoggingEnabled", Text("another bucket", "別のバケット"), None, Place(FILE, 9, 5)
            )
        ],
        ("Nobody can say who read the data.", "誰がデータを読んだかを後から確認できません。"),
        safety=Safety.MANUAL,
        tags=("security",),
        known=True,
    )
    return versioning, control, logging


def _quiet():
    versioning = replace(
        _accepted()[0], node="source_bucket", verdict=Verdict.PASS, evidence=(), resource=RESOURCES["source_bucket"]
    )
    key = finding(
        "notification-target-key",
        "consumer",
        Verdict.NOT_APPLICABLE,
        Severity.HIGH,
        "S3 may use the key of the target",
        "S3 が通知先の KMS キーを使用できる",
        tags=("notification",),
    )
    return versioning, key
