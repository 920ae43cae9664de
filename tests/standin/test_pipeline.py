"""The pipeline of two accounts: built, looked at, followed, and mis-set."""

import time

import pytest

from auditor.standin.dump import dump
from auditor.standin.pipeline import Names, build_golden, build_misset, golden, misset
from auditor.standin.steps import Step, build, vary

NAMES = Names()


@pytest.fixture
def exported(clients):
    """Wait until the table's export of the golden pipeline is there; return its description."""

    def wait():
        dynamodb = clients("dynamodb")
        while True:
            arn = dynamodb.list_exports(TableArn=NAMES.table_arn)["ExportSummaries"][-1]["ExportArn"]
            found = dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
            if found["ExportStatus"] != "IN_PROGRESS":
                return found
            time.sleep(0.02)

    return wait


def test_the_golden_pipeline_works_end_to_end(clients, standin, exported):
    build_golden(clients)
    done = exported()
    assert done["ExportStatus"] == "COMPLETED"
    woken = [line for line in standin.events() if line["to"] == NAMES.function_arn]
    assert any(line["key"].startswith("exports/AWSDynamoDB/") and "/data/" in line["key"] for line in woken)
    source, replicas = clients("s3"), clients("s3", NAMES.analytics)
    keys = [each["Key"] for each in source.list_objects_v2(Bucket=NAMES.source)["Contents"]]
    assert [each["Key"] for each in replicas.list_objects_v2(Bucket=NAMES.destination)["Contents"]] == keys
    manifest = done["ExportManifest"]
    assert source.head_object(Bucket=NAMES.source, Key=manifest)["ReplicationStatus"] == "COMPLETED"
    assert replicas.head_object(Bucket=NAMES.destination, Key=manifest)["ReplicationStatus"] == "REPLICA"
    source.delete_object(Bucket=NAMES.source, Key=manifest)
    markers = replicas.list_object_versions(Bucket=NAMES.destination)["DeleteMarkers"]
    assert [each["Key"] for each in markers] == [manifest]


def test_the_golden_pipeline_is_what_it_says(clients):
    build_golden(clients)
    seen = dump(clients)
    production, analytics = seen[NAMES.production], seen[NAMES.analytics]
    source, destination = production["buckets"][NAMES.source], analytics["buckets"][NAMES.destination]
    assert source["Versioning"]["Status"] == destination["Versioning"]["Status"] == "Enabled"
    assert source["Lifecycle"] == destination["Lifecycle"]
    assert source["PolicyStatus"]["PolicyStatus"]["IsPublic"] is False
    rule = source["Replication"]["ReplicationConfiguration"]["Rules"][0]
    assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}
    table = production["regions"]["ap-northeast-1"]["tables"][NAMES.table]
    assert table["Table"]["DeletionProtectionEnabled"] is True
    recovery = table["ContinuousBackups"]["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery == {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 35}
    assert set(production["roles"]) == {"export-job", "on-export-role", "replication-source-role"}
    assert set(analytics["buckets"]) == {"orders-analytics", "orders-analytics-logs"}


def test_the_misset_pipeline_has_its_mistakes(clients, standin):
    build_misset(clients)
    seen = dump(clients)
    production, analytics = seen[NAMES.production], seen[NAMES.analytics]
    source, destination = production["buckets"][NAMES.source], analytics["buckets"][NAMES.destination]
    assert (source["Versioning"]["Status"], destination["Versioning"]["Status"]) == ("Enabled", "Suspended")
    assert "Lifecycle" in source
    assert "Lifecycle" not in destination
    events = source["Notification"]["LambdaFunctionConfigurations"][0]["Events"]
    assert events == ["s3:ObjectCreated:Put", "s3:ObjectCreated:Post"]
    rule = source["Replication"]["ReplicationConfiguration"]["Rules"][0]
    assert rule["DeleteMarkerReplication"] == {"Status": "Disabled"}
    table = production["regions"]["ap-northeast-1"]["tables"][NAMES.table]
    recovery = table["ContinuousBackups"]["ContinuousBackupsDescription"]["PointInTimeRecoveryDescription"]
    assert recovery == {"PointInTimeRecoveryStatus": "DISABLED"}
    principals = [each["Principal"] for each in destination["Policy"]["Policy"]["Statement"]]
    assert {"AWS": "arn:aws:iam::111122223333:role/replication-role"} in principals
    assert "s3:ReplicateDelete" not in str(production["roles"]["replication-source-role"]["Inline"])
    s3 = clients("s3")
    old = s3.list_objects_v2(Bucket=NAMES.source)["Contents"][0]["Key"]
    assert "ReplicationStatus" not in s3.head_object(Bucket=NAMES.source, Key=old)
    s3.put_object(Bucket=NAMES.source, Key="exports/new", Body=b"x")
    assert s3.head_object(Bucket=NAMES.source, Key="exports/new")["ReplicationStatus"] == "FAILED"


def test_two_looks_are_equal_and_a_change_is_seen(clients, exported):
    build_golden(clients)
    exported()
    before = dump(clients)
    assert dump(clients) == before
    clients("s3", NAMES.analytics).put_bucket_tagging(
        Bucket=NAMES.destination, Tagging={"TagSet": [{"Key": "owner", "Value": "data"}]}
    )
    after = dump(clients)
    changed = after[NAMES.analytics]["buckets"][NAMES.destination].pop("Tagging")
    assert changed == {"TagSet": [{"Key": "owner", "Value": "data"}]}
    assert after == before


def test_many_pipelines_side_by_side(clients):
    roles = {word: f"{word}-2" for word in ("table", "exporter", "source", "function", "role", "destination")}
    second = Names(
        **roles, failures="f-2", production_logs="pl-2", analytics_logs="al-2", destination_region="us-east-1"
    )
    build_golden(clients)
    build_golden(clients, second)
    seen = dump(clients, regions=["us-east-1"])
    assert seen[NAMES.analytics]["buckets"]["destination-2"]["Location"] == {"LocationConstraint": None}
    assert {"orders-export", "source-2"} < set(seen[NAMES.production]["buckets"])


@pytest.mark.parametrize("what", ["role.policy", "destination.policy"])
def test_without_a_permission_nothing_is_replicated(clients, what):
    build(vary(golden(), drop=[what]), clients)
    s3 = clients("s3")
    s3.put_object(Bucket=NAMES.source, Key="exports/new", Body=b"x")
    assert s3.head_object(Bucket=NAMES.source, Key="exports/new")["ReplicationStatus"] == "FAILED"
    failed = clients("sqs").receive_message(
        QueueUrl=clients("sqs").get_queue_url(QueueName=NAMES.failures)["QueueUrl"], MaxNumberOfMessages=10
    )["Messages"]
    assert any("Replication:OperationFailedReplication" in message["Body"] for message in failed)


def test_outside_the_prefix_nothing_is_replicated(clients):
    build_golden(clients)
    s3 = clients("s3")
    s3.put_object(Bucket=NAMES.source, Key="elsewhere/new", Body=b"x")
    assert "ReplicationStatus" not in s3.head_object(Bucket=NAMES.source, Key="elsewhere/new")


def test_tags_and_metadata_travel(clients):
    build_golden(clients)
    place = {"Bucket": NAMES.source, "Key": "exports/new"}
    version = clients("s3").put_object(**place, Body=b"x", Tagging="a=b", Metadata={"m": "n"})["VersionId"]
    replicas, there = clients("s3", NAMES.analytics), {"Bucket": NAMES.destination, "Key": "exports/new"}
    assert replicas.get_object_tagging(**there)["TagSet"] == [{"Key": "a", "Value": "b"}]
    found = replicas.head_object(**there)
    assert (found["Metadata"], found["VersionId"]) == ({"m": "n"}, version)


def test_objects_under_a_key_travel_only_when_the_rule_says_so(clients):
    key = Step("key", NAMES.analytics, NAMES.region, "kms", "create_key")
    build((*golden(), key), clients)
    s3, place = clients("s3"), {"Bucket": NAMES.source, "Key": "exports/new"}
    s3.put_object(**place, Body=b"x", ServerSideEncryption="aws:kms")
    assert "ReplicationStatus" not in s3.head_object(**place)
    document = s3.get_bucket_replication(Bucket=NAMES.source)["ReplicationConfiguration"]
    rule = document["Rules"][0]
    arn = clients("kms", NAMES.analytics).list_keys()["Keys"][0]["KeyArn"]
    rule["SourceSelectionCriteria"] = {"SseKmsEncryptedObjects": {"Status": "Enabled"}}
    rule["Destination"]["EncryptionConfiguration"] = {"ReplicaKmsKeyID": arn}
    s3.put_bucket_replication(Bucket=NAMES.source, ReplicationConfiguration=document)
    s3.put_object(**place, Body=b"x", ServerSideEncryption="aws:kms")
    assert s3.head_object(**place)["ReplicationStatus"] == "FAILED"


def test_steps_refer_to_answers_and_unknown_names_are_refused(clients):
    make = Step("key", NAMES.production, NAMES.region, "kms", "create_key")
    name = {"AliasName": "alias/mine", "TargetKeyId": "${key:KeyMetadata.KeyId}"}
    answers = build((make, Step("alias", NAMES.production, NAMES.region, "kms", "create_alias", name)), clients)
    described = clients("kms").describe_key(KeyId="alias/mine")["KeyMetadata"]
    assert described["KeyId"] == answers["key"]["KeyMetadata"]["KeyId"]
    with pytest.raises(KeyError, match="no step named nothing"):
        vary(golden(), drop=["nothing"])


def test_every_step_has_a_name_of_its_own():
    for steps in (golden(), misset()):
        names = [step.name for step in steps]
        assert len(set(names)) == len(names)
