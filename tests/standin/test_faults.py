"""Calls fail as they are told to, and every call is in the log under its right name."""

import contextlib
import json
import urllib.request
from collections import Counter

import botocore.exceptions
import pytest
from botocore.config import Config

from auditor.standin import serve


def test_a_status_so_many_times(clients, bucket, standin, refused):
    name, s3 = bucket("bucket"), clients("s3")
    standin.faults(
        [
            {
                "service": "s3",
                "operation": "GetBucketVersioning",
                "status": 503,
                "code": "SlowDown",
                "skip": 1,
                "times": 2,
            }
        ]
    )
    s3.get_bucket_versioning(Bucket=name)
    for _ in range(2):
        assert refused(s3.get_bucket_versioning, Bucket=name) == "SlowDown"
    s3.get_bucket_versioning(Bucket=name)
    s3.get_bucket_acl(Bucket=name)
    standin.clear()
    assert standin.calls() == []


@pytest.mark.parametrize(
    ("service", "method", "params"),
    [
        ("s3", "list_buckets", {}),
        ("dynamodb", "list_tables", {}),
        ("iam", "list_roles", {}),
        ("lambda", "list_functions", {}),
        ("sqs", "list_queues", {}),
        ("sns", "list_topics", {}),
        ("cloudwatch", "list_metrics", {}),
        ("events", "list_rules", {}),
        ("kms", "list_keys", {}),
        ("sts", "get_caller_identity", {}),
        ("s3control", "list_jobs", {"AccountId": "111122223333"}),
    ],
)
def test_errors_are_spelled_in_every_protocol(clients, standin, service, method, params):
    standin.faults([{"status": 400, "code": "Odd", "message": "as told"}])
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(clients(service), method)(**params)
    assert caught.value.response["Error"] | {"Type": None} == {"Code": "Odd", "Message": "as told", "Type": None}
    standin.faults([{"expired": True}])
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        getattr(clients(service), method)(**params)
    assert caught.value.response["Error"]["Code"].startswith("ExpiredToken")


def test_only_what_is_meant(clients, bucket, standin, refused):
    one, two = bucket("one"), bucket("two")
    mine, other = clients("s3"), clients("s3", "444455556666")
    bucket("three", "444455556666")
    standin.faults([{"operation": "Get.*", "resource": "^one", "status": 403, "code": "AccessDenied"}])
    assert refused(mine.get_bucket_tagging, Bucket=one) == "AccessDenied"
    mine.get_bucket_versioning(Bucket=two)
    mine.list_object_versions(Bucket=one)
    standin.faults([{"account": "444455556666", "status": 500}])
    mine.get_bucket_versioning(Bucket=one)
    assert refused(other.get_bucket_versioning, Bucket="three") == "InternalError"


def test_head_has_no_body(clients, bucket, standin, refused):
    name = bucket("bucket")
    standin.faults([{"operation": "HeadBucket", "status": 403, "code": "AccessDenied"}])
    assert refused(clients("s3").head_bucket, Bucket=name) == "403"


def test_dropped_connections(clients, bucket, standin):
    name, s3 = bucket("bucket"), clients("s3")
    standin.faults([{"drop": True, "times": 1}])
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        s3.get_bucket_versioning(Bucket=name)
    assert standin.calls()[-1]["status"] == "dropped"
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"


def test_a_lost_answer_is_not_a_lost_write(clients, bucket, standin):
    name, s3 = bucket("bucket"), clients("s3")
    standin.faults([{"operation": "PutBucketVersioning", "drop": True, "after": True}])
    with pytest.raises(botocore.exceptions.ConnectionClosedError):
        s3.put_bucket_versioning(Bucket=name, VersioningConfiguration={"Status": "Suspended"})
    assert s3.get_bucket_versioning(Bucket=name)["Status"] == "Suspended"


@pytest.mark.parametrize(
    ("service", "method", "fault"),
    [
        ("s3", "list_buckets", {"truncate": 60}),
        ("s3", "list_buckets", {"body": "<ListAllMyBuckets"}),
        ("iam", "list_roles", {"body": "<ListRoles"}),
    ],
)
def test_bodies_that_are_cut_or_wrong(clients, standin, service, method, fault):
    call = getattr(clients(service), method)
    call()
    standin.faults([fault])
    # botocore reports some of these as its own errors and some of S3's as an InternalError.
    broken = (
        botocore.exceptions.ClientError,
        botocore.exceptions.HTTPClientError,
        botocore.exceptions.ResponseStreamingError,
        botocore.parsers.ResponseParserError,
    )
    with pytest.raises(broken):
        call()
    assert standin.calls()[-1]["status"] == 200


@pytest.mark.parametrize("fault", [{"truncate": 3}, {"body": "not json"}])
def test_botocore_takes_broken_json_for_an_empty_answer(clients, standin, fault):
    standin.faults([fault])
    assert clients("lambda").list_functions().keys() == {"ResponseMetadata"}
    assert clients("dynamodb").list_tables().keys() == {"ResponseMetadata"}


def test_redirects_and_delays(clients, bucket, standin):
    import boto3

    name = bucket("bucket")
    standin.options(region_redirects=False)
    standin.faults([{"operation": "GetBucketAcl", "redirect": "us-west-2", "times": 1}])
    clients("s3").get_bucket_acl(Bucket=name)
    assert [call["region"] for call in standin.calls()][-2:] == ["ap-northeast-1", "us-west-2"]
    standin.faults([{"operation": "GetBucketVersioning", "delay": 1.0, "times": 1}])
    hasty = boto3.client(
        "s3",
        region_name="ap-northeast-1",
        endpoint_url=standin.url,
        aws_access_key_id="111122223333",
        aws_secret_access_key="x",
        config=Config(read_timeout=0.2, retries={"total_max_attempts": 1}),
    )
    with pytest.raises(botocore.exceptions.ReadTimeoutError):
        hasty.get_bucket_versioning(Bucket=name)
    hasty.close()


def test_chance_is_repeatable(clients, standin):
    def outcomes():
        standin.faults([{"operation": "ListTables", "status": 500, "probability": 0.5, "seed": 7}])
        standin_calls = len(standin.calls())
        for _ in range(30):
            with contextlib.suppress(botocore.exceptions.ClientError):
                clients("dynamodb").list_tables()
        return [call["status"] for call in standin.calls()[standin_calls:]]

    first = outcomes()
    assert first == outcomes()
    assert set(first) == {200, 500}


@pytest.mark.parametrize(
    "fault", [{"colour": "red"}, {"operation": "("}, {"times": "many", "op": 1}], ids=["word", "expression", "old word"]
)
def test_a_fault_that_makes_no_sense_is_refused(standin, fault):
    with pytest.raises(ValueError, match=r"a fault has no|not a regular expression"):
        standin.faults([fault])


def test_an_option_that_does_not_exist_is_refused(standin):
    with pytest.raises(ValueError, match="no option 'colour'; there are: bucket_defaults"):
        standin.options(colour="red")
    with pytest.raises(ValueError, match="true or false"):
        standin.options(enforce="yes")


# What an auditor of pipelines calls on S3: method and parameters, and the operation and resource in the log.
S3_CALLS = {
    "ListBuckets": ("list_buckets", {}),
    "HeadBucket": ("head_bucket", {"Bucket": "bucket"}),
    "GetBucketLocation": ("get_bucket_location", {"Bucket": "bucket"}),
    "GetBucketVersioning": ("get_bucket_versioning", {"Bucket": "bucket"}),
    "GetBucketReplication": ("get_bucket_replication", {"Bucket": "bucket"}),
    "GetBucketNotificationConfiguration": ("get_bucket_notification_configuration", {"Bucket": "bucket"}),
    "GetBucketLifecycleConfiguration": ("get_bucket_lifecycle_configuration", {"Bucket": "bucket"}),
    "GetBucketEncryption": ("get_bucket_encryption", {"Bucket": "bucket"}),
    "GetPublicAccessBlock": ("get_public_access_block", {"Bucket": "bucket"}),
    "GetBucketPolicy": ("get_bucket_policy", {"Bucket": "bucket"}),
    "GetBucketPolicyStatus": ("get_bucket_policy_status", {"Bucket": "bucket"}),
    "GetBucketAcl": ("get_bucket_acl", {"Bucket": "bucket"}),
    "GetBucketOwnershipControls": ("get_bucket_ownership_controls", {"Bucket": "bucket"}),
    "GetBucketLogging": ("get_bucket_logging", {"Bucket": "bucket"}),
    "GetObjectLockConfiguration": ("get_object_lock_configuration", {"Bucket": "bucket"}),
    "GetBucketRequestPayment": ("get_bucket_request_payment", {"Bucket": "bucket"}),
    "GetBucketTagging": ("get_bucket_tagging", {"Bucket": "bucket"}),
    "GetBucketCors": ("get_bucket_cors", {"Bucket": "bucket"}),
    "ListMultipartUploads": ("list_multipart_uploads", {"Bucket": "bucket"}),
    "ListObjectsV2": ("list_objects_v2", {"Bucket": "bucket"}),
    "ListObjects": ("list_objects", {"Bucket": "bucket"}),
    "ListObjectVersions": ("list_object_versions", {"Bucket": "bucket"}),
    "HeadObject": ("head_object", {"Bucket": "bucket", "Key": "a/b c"}),
    "GetObject": ("get_object", {"Bucket": "bucket", "Key": "a/b c"}),
    "GetObjectTagging": ("get_object_tagging", {"Bucket": "bucket", "Key": "a/b c"}),
    "DeleteObject": ("delete_object", {"Bucket": "bucket", "Key": "a/b c"}),
    "DeleteBucketReplication": ("delete_bucket_replication", {"Bucket": "bucket"}),
    "DeleteBucketLifecycle": ("delete_bucket_lifecycle", {"Bucket": "bucket"}),
    "DeletePublicAccessBlock": ("delete_public_access_block", {"Bucket": "bucket"}),
    "DeleteBucketPolicy": ("delete_bucket_policy", {"Bucket": "bucket"}),
    "DeleteBucketOwnershipControls": ("delete_bucket_ownership_controls", {"Bucket": "bucket"}),
}


@pytest.mark.parametrize("operation", S3_CALLS)
def test_sub_resources_are_told_apart(clients, bucket, standin, operation):
    bucket("bucket")
    method, params = S3_CALLS[operation]
    clients("s3").put_object(Bucket="bucket", Key="a/b c", Body=b"x")
    standin.clear()
    with contextlib.suppress(botocore.exceptions.ClientError):
        getattr(clients("s3"), method)(**params)
    line = standin.calls()[0]
    assert line["operation"] == operation
    assert line["resource"] == "/".join(params[name] for name in ("Bucket", "Key") if name in params)
    assert (line["account"], line["principal"]) == ("111122223333", "arn:aws:iam::111122223333:root")


def test_callers_are_told_apart(clients, standin):
    sts = clients("sts")
    keys = sts.assume_role(RoleArn="arn:aws:iam::444455556666:role/auditor", RoleSessionName="night")["Credentials"]
    assumed = {
        "aws_secret_access_key": keys["SecretAccessKey"],
        "aws_session_token": keys["SessionToken"],
    }
    identity = clients("sts", keys["AccessKeyId"], **assumed).get_caller_identity()
    assert identity["Account"] == "444455556666"
    line = standin.calls()[-1]
    assert line["principal"] == identity["Arn"] == "arn:aws:sts::444455556666:assumed-role/auditor/night"


def test_services_are_told_apart(clients, standin, refused):
    clients("lambda").list_functions()
    refused(clients("lambda").get_policy, FunctionName="f")
    clients("cloudwatch").list_metrics()
    clients("s3control").list_jobs(AccountId="111122223333")
    refused(clients("dynamodb").describe_table, TableName="t")
    refused(clients("iam").get_role, RoleName="r")
    assert [(call["service"], call["operation"], call["resource"]) for call in standin.calls()] == [
        ("lambda", "ListFunctions", ""),
        ("lambda", "GetPolicy", "f"),
        ("cloudwatch", "ListMetrics", ""),
        ("s3control", "ListJobs", "v20180820/jobs"),
        ("dynamodb", "DescribeTable", "t"),
        ("iam", "GetRole", "r"),
    ]


@pytest.mark.parametrize("host", ["bucket.localhost", "bucket.s3.ap-northeast-1.amazonaws.com", "anything.at.all"])
def test_every_host_is_answered(bucket, standin, host):
    bucket("bucket")
    path = "/?versioning" if host.startswith("bucket") else "/bucket?versioning"
    scope = "Credential=111122223333/20260101/ap-northeast-1/s3/aws4_request"
    headers = {"Host": host, "Authorization": f"AWS4-HMAC-SHA256 {scope}, SignedHeaders=host, Signature=0"}
    with urllib.request.urlopen(urllib.request.Request(standin.url + path, headers=headers)) as answer:
        assert b"<Status>Enabled</Status>" in answer.read()
    assert standin.calls()[-1]["operation"] == "GetBucketVersioning"


def test_a_server_of_its_own_is_another_aws(clients, bucket):
    import boto3

    bucket("bucket")
    with serve(isolated=True, export_seconds=1.5) as other:
        keys = {"aws_access_key_id": "111122223333", "aws_secret_access_key": "x"}
        s3 = boto3.client("s3", region_name="ap-northeast-1", endpoint_url=other.url, **keys)
        assert s3.list_buckets()["Buckets"] == []
        assert other.options()["export_seconds"] == 1.5
        s3.close()
    assert clients("s3").list_buckets()["Buckets"]
    with pytest.raises(OSError, match=r"refused|not"):
        other.calls()


def test_unknown_control_pages_say_so(standin):
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{standin.url}/_standin/nothing")
    with caught.value as answer:
        assert answer.status == 404
        assert json.loads(answer.read()) is None


def test_many_callers_at_once(clients, bucket, standin):
    from concurrent.futures import ThreadPoolExecutor

    name, s3 = bucket("bucket"), clients("s3")
    standin.clear()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: s3.get_bucket_versioning(Bucket=name)["Status"], range(64)))
    assert Counter(answers) == {"Enabled": 64}
    assert len(standin.calls()) == 64
