"""DynamoDB: exports and the recovery window."""

import datetime as dt
import gzip
import json
import re
import time

import pytest

ARN = "arn:aws:dynamodb:ap-northeast-1:111122223333:table/t"


@pytest.fixture
def dynamodb(clients):
    client = clients("dynamodb")
    client.create_table(
        TableName="t",
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    client.put_item(TableName="t", Item={"id": {"S": "one"}})
    return client


def recovery(on=True, **more):
    return {"TableName": "t", "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": on, **more}}


def finished(dynamodb, arn):
    for _ in range(200):
        found = dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
        if found["ExportStatus"] != "IN_PROGRESS":
            return found
        time.sleep(0.02)
    raise AssertionError("the export never ended")


def test_recovery_period(dynamodb, refused):
    describe = dynamodb.describe_continuous_backups

    def window():
        return describe(TableName="t")["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]

    assert window()["PointInTimeRecoveryStatus"] == "DISABLED"
    longer = recovery(RecoveryPeriodInDays=36)
    assert refused(dynamodb.update_continuous_backups, **longer) == "ValidationException"
    dynamodb.update_continuous_backups(**recovery(RecoveryPeriodInDays=7))
    assert window()["RecoveryPeriodInDays"] == 7
    first = window()["EarliestRestorableDateTime"]
    dynamodb.update_continuous_backups(**recovery())
    assert window()["RecoveryPeriodInDays"] == 35
    assert window()["EarliestRestorableDateTime"] == first
    dynamodb.update_continuous_backups(**recovery(on=False))
    dynamodb.update_continuous_backups(**recovery())
    assert window()["EarliestRestorableDateTime"] > first


def test_export_needs_recovery(dynamodb, bucket, refused):
    export = dynamodb.export_table_to_point_in_time
    assert refused(export, TableArn=ARN, S3Bucket=bucket("bucket")) == "PointInTimeRecoveryUnavailableException"
    assert refused(export, TableArn=ARN + "-not", S3Bucket="bucket") == "TableNotFoundException"


def test_a_full_export(dynamodb, clients, bucket):
    dynamodb.update_continuous_backups(**recovery())
    started = dynamodb.export_table_to_point_in_time(
        TableArn=ARN, S3Bucket=bucket("bucket"), S3Prefix="exports", ClientToken="once"
    )["ExportDescription"]
    assert started["ExportStatus"] == "IN_PROGRESS"
    assert re.fullmatch(re.escape(ARN) + r"/export/\d{14}-[0-9a-f]{8}", started["ExportArn"])
    done = finished(dynamodb, started["ExportArn"])
    assert (done["ExportStatus"], done["ItemCount"], done["ExportFormat"]) == ("COMPLETED", 1, "DYNAMODB_JSON")
    base = f"exports/AWSDynamoDB/{started['ExportArn'].rpartition('/')[2]}/"
    assert done["ExportManifest"] == f"{base}manifest-summary.json"
    s3 = clients("s3")
    keys = [each["Key"] for each in s3.list_objects_v2(Bucket="bucket")["Contents"]]
    assert {f"{base}_started", f"{base}manifest-files.json", f"{base}manifest-summary.json"} < set(keys)
    read = lambda key: s3.get_object(Bucket="bucket", Key=key)["Body"].read()  # noqa: E731
    summary, files = json.loads(read(f"{base}manifest-summary.json")), json.loads(read(f"{base}manifest-files.json"))
    assert summary["exportArn"] == started["ExportArn"]
    assert files["dataFileS3Key"].startswith(f"{base}data/")
    assert json.loads(gzip.decompress(read(files["dataFileS3Key"]))) == {"Item": {"id": {"S": "one"}}}
    again = dynamodb.export_table_to_point_in_time(
        TableArn=ARN, S3Bucket="bucket", S3Prefix="exports", ClientToken="once"
    )["ExportDescription"]
    assert again["ExportArn"] == started["ExportArn"]


def test_the_data_arrives_as_a_multipart_upload(dynamodb, clients, bucket, standin):
    name, sqs = bucket("bucket"), clients("sqs")
    arn = "arn:aws:sqs:ap-northeast-1:111122223333:q"
    statement = {"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sqs:*", "Resource": arn}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    sqs.create_queue(QueueName="q", Attributes={"Policy": policy})
    entries = [
        {"QueueArn": arn, "Events": [f"s3:ObjectCreated:{event}"]} for event in ("Put", "CompleteMultipartUpload")
    ]
    clients("s3").put_bucket_notification_configuration(
        Bucket=name, NotificationConfiguration={"QueueConfigurations": entries}
    )
    dynamodb.update_continuous_backups(**recovery())
    export = dynamodb.export_table_to_point_in_time(TableArn=ARN, S3Bucket=name)["ExportDescription"]
    finished(dynamodb, export["ExportArn"])
    heard = [line for line in standin.events() if "/data/" in line["key"]]
    assert [line["event"] for line in heard] == ["s3:ObjectCreated:CompleteMultipartUpload"]


def test_exports_that_fail(dynamodb, bucket):
    dynamodb.update_continuous_backups(**recovery())
    foreign = bucket("foreign", "444455556666")
    for name, code in (("nowhere", "S3NoSuchBucket"), (foreign, "S3AccessDenied")):
        started = dynamodb.export_table_to_point_in_time(TableArn=ARN, S3Bucket=name)["ExportDescription"]
        done = finished(dynamodb, started["ExportArn"])
        assert (done["ExportStatus"], done["FailureCode"]) == ("FAILED", code)
    started = dynamodb.export_table_to_point_in_time(TableArn=ARN, S3Bucket=foreign, S3BucketOwner="444455556666")
    assert finished(dynamodb, started["ExportDescription"]["ExportArn"])["ExportStatus"] == "COMPLETED"


def test_export_times(dynamodb, bucket, refused):
    dynamodb.update_continuous_backups(**recovery())
    export, now = dynamodb.export_table_to_point_in_time, dt.datetime.now(dt.timezone.utc)
    place = {"TableArn": ARN, "S3Bucket": bucket("bucket")}
    hour = dt.timedelta(hours=1)
    for at in (now + hour, now - hour):
        assert refused(export, **place, ExportTime=at) == "InvalidExportTimeException"
    incremental = place | {"ExportType": "INCREMENTAL_EXPORT"}
    assert refused(export, **incremental) == "ValidationException"
    short = {"ExportFromTime": now, "ExportToTime": now + dt.timedelta(minutes=5)}
    assert refused(export, **incremental, IncrementalExportSpecification=short) == "ValidationException"


def test_exports_are_listed_in_pages(dynamodb, bucket, refused):
    dynamodb.update_continuous_backups(**recovery())
    name = bucket("bucket")
    made = [
        dynamodb.export_table_to_point_in_time(TableArn=ARN, S3Bucket=name)["ExportDescription"]["ExportArn"]
        for _ in range(3)
    ]
    first = dynamodb.list_exports(TableArn=ARN, MaxResults=2)
    second = dynamodb.list_exports(TableArn=ARN, MaxResults=2, NextToken=first["NextToken"])
    assert [each["ExportArn"] for each in first["ExportSummaries"] + second["ExportSummaries"]] == made
    assert "NextToken" not in second
    assert len(dynamodb.list_exports()["ExportSummaries"]) == 3
    assert refused(dynamodb.describe_export, ExportArn=ARN + "/export/x") == "ExportNotFoundException"


def test_exports_can_take_their_time(dynamodb, bucket, standin):
    standin.options(export_seconds=0.5)
    dynamodb.update_continuous_backups(**recovery())
    arn = dynamodb.export_table_to_point_in_time(TableArn=ARN, S3Bucket=bucket("bucket"))["ExportDescription"][
        "ExportArn"
    ]
    assert dynamodb.describe_export(ExportArn=arn)["ExportDescription"]["ExportStatus"] == "IN_PROGRESS"
    assert finished(dynamodb, arn)["ExportStatus"] == "COMPLETED"
