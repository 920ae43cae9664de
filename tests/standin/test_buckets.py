"""Buckets as AWS gives, guards and lists them."""

import json

import pytest

OTHER = "444455556666"
CONFIGURATION_READS = [
    "get_bucket_versioning",
    "get_bucket_replication",
    "get_bucket_lifecycle_configuration",
    "get_bucket_notification_configuration",
    "get_bucket_encryption",
    "get_bucket_logging",
    "get_bucket_acl",
    "get_bucket_ownership_controls",
    "get_public_access_block",
    "get_bucket_request_payment",
    "list_objects_v2",
    "list_object_versions",
    "get_bucket_location",
]


def test_new_buckets_have_the_defaults_of_2023(clients, bucket):
    s3, name = clients("s3"), bucket("bucket", versioned=False)
    flags = s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"]
    assert set(flags.values()) == {True}
    controls = s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"]
    assert controls == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rule = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    assert "Status" not in s3.get_bucket_versioning(Bucket=name)


def test_old_buckets_on_request(clients, bucket, standin, refused):
    standin.options(bucket_defaults=False)
    s3, name = clients("s3"), bucket("bucket")
    assert refused(s3.get_public_access_block, Bucket=name) == "NoSuchPublicAccessBlockConfiguration"
    assert refused(s3.get_bucket_ownership_controls, Bucket=name) == "OwnershipControlsNotFoundError"
    assert refused(s3.get_bucket_encryption, Bucket=name) == "ServerSideEncryptionConfigurationNotFoundError"


def test_missing_bucket(clients, refused):
    s3 = clients("s3")
    assert refused(s3.get_bucket_versioning, Bucket="nowhere") == "NoSuchBucket"
    assert refused(s3.get_bucket_policy, Bucket="nowhere") == "NoSuchBucket"
    assert refused(s3.head_bucket, Bucket="nowhere") == "404"
    versioning = {"Status": "Enabled"}
    assert refused(s3.put_bucket_versioning, Bucket="nowhere", VersioningConfiguration=versioning) == "NoSuchBucket"


@pytest.mark.parametrize("method", CONFIGURATION_READS)
def test_another_account_may_not_look(clients, bucket, refused, method):
    name = bucket("bucket")
    assert refused(getattr(clients("s3", OTHER), method), Bucket=name) == "AccessDenied"


def test_another_account_may_not_touch_policies_at_all(clients, bucket, refused):
    name, s3, other = bucket("bucket"), clients("s3"), clients("s3", OTHER)
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{OTHER}:root"},
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{name}", f"arn:aws:s3:::{name}/*"],
    }
    s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    for method in ("get_bucket_policy", "get_bucket_policy_status", "delete_bucket_policy"):
        assert refused(getattr(other, method), Bucket=name) == "MethodNotAllowed"
    assert other.get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    other.put_object(Bucket=name, Key="k", Body=b"x")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"x"
    assert refused(other.head_bucket, Bucket=name, ExpectedBucketOwner=OTHER) == "403"


def test_a_deny_binds_the_owner_only_where_its_condition_holds(clients, bucket, refused):
    name, s3 = bucket("bucket"), clients("s3")

    def deny(condition):
        statement = {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:PutObject",
            "Resource": f"arn:aws:s3:::{name}/*",
            "Condition": condition,
        }
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))

    deny({"Bool": {"aws:SecureTransport": "false"}})
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    deny({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}})
    assert refused(s3.put_object, Bucket=name, Key="k", Body=b"x") == "AccessDenied"


def test_expected_owner(clients, bucket, refused):
    name, s3 = bucket("bucket"), clients("s3")
    s3.get_bucket_versioning(Bucket=name, ExpectedBucketOwner="111122223333")
    assert refused(s3.get_bucket_versioning, Bucket=name, ExpectedBucketOwner=OTHER) == "AccessDenied"
    assert refused(s3.put_object, Bucket=name, Key="k", ExpectedBucketOwner=OTHER) == "AccessDenied"


def test_wrong_region_is_redirected_and_boto3_follows(clients, bucket, standin):
    name = bucket("bucket")
    assert clients("s3", region="us-east-1").get_bucket_versioning(Bucket=name)["Status"] == "Enabled"
    assert [call["status"] for call in standin.calls()][-2:] == [301, 200]
    assert clients("s3", region="us-east-1").head_bucket(Bucket=name)["BucketRegion"] == "ap-northeast-1"
    standin.options(region_redirects=False)
    standin.clear()
    clients("s3", region="eu-west-1").get_bucket_versioning(Bucket=name)
    assert [call["status"] for call in standin.calls()] == [200]


def test_lists_come_in_pages(clients, bucket):
    names = [bucket(f"bucket-{number}", versioned=False) for number in range(7)]
    bucket("not-mine", OTHER, versioned=False)
    pages = list(clients("s3").get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 3}))
    assert [len(page["Buckets"]) for page in pages] == [3, 3, 1]
    assert [each["Name"] for page in pages for each in page["Buckets"]] == names


def test_request_payment(clients, bucket, refused):
    name, s3 = bucket("bucket"), clients("s3")
    assert s3.get_bucket_request_payment(Bucket=name)["Payer"] == "BucketOwner"
    s3.put_bucket_request_payment(Bucket=name, RequestPaymentConfiguration={"Payer": "Requester"})
    assert s3.get_bucket_request_payment(Bucket=name)["Payer"] == "Requester"
    wrong = {"Payer": "Nobody"}
    assert refused(s3.put_bucket_request_payment, Bucket=name, RequestPaymentConfiguration=wrong) == "MalformedXML"


def test_unknown_sub_resources_are_not_taken_for_others(clients, bucket, refused):
    name, s3 = bucket("bucket"), clients("s3")
    assert refused(s3.get_bucket_metrics_configuration, Bucket=name, Id="x") == "NotImplemented"
    assert refused(s3.list_bucket_intelligent_tiering_configurations, Bucket=name) == "NotImplemented"


def test_encryption_keeps_blocked_types(clients, bucket, refused):
    name, s3 = bucket("bucket"), clients("s3")
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "alias/mine"},
        "BucketKeyEnabled": True,
        "BlockedEncryptionTypes": {"EncryptionType": ["SSE-C"]},
    }
    put = s3.put_bucket_encryption
    put(Bucket=name, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"] == {"Rules": [rule]}
    s3.put_object(Bucket=name, Key="k", Body=b"x")
    assert s3.head_object(Bucket=name, Key="k")["ServerSideEncryption"] == "aws:kms"
    s3.delete_bucket_encryption(Bucket=name)
    kept = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert kept["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    rot13 = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "rot13"}}]}
    assert refused(put, Bucket=name, ServerSideEncryptionConfiguration=rot13) == "MalformedXML"


def test_mfa_delete_needs_the_device(clients, bucket, refused):
    name, s3 = bucket("bucket"), clients("s3")
    wanted = {"Status": "Enabled", "MFADelete": "Enabled"}
    assert refused(s3.put_bucket_versioning, Bucket=name, VersioningConfiguration=wanted) == "AccessDenied"
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=wanted, MFA="serial 123456")
    assert s3.get_bucket_versioning(Bucket=name)["MFADelete"] == "Enabled"
    suspend = {"Status": "Suspended"}
    assert refused(s3.put_bucket_versioning, Bucket=name, VersioningConfiguration=suspend) == "AccessDenied"


def test_an_omitted_flag_is_off(clients, bucket):
    name, s3 = bucket("bucket"), clients("s3")
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    assert s3.get_public_access_block(Bucket=name)["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": False,
        "BlockPublicPolicy": False,
        "RestrictPublicBuckets": False,
    }


def test_ownership(clients, bucket, refused):
    name, s3 = bucket("bucket"), clients("s3")
    put = s3.put_bucket_ownership_controls
    assert refused(put, Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "Nobody"}]}) == "MalformedXML"
    put(Bucket=name, OwnershipControls={"Rules": [{"ObjectOwnership": "ObjectWriter"}]})
    assert s3.get_bucket_ownership_controls(Bucket=name)["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "ObjectWriter"}
    ]
    s3.delete_bucket_ownership_controls(Bucket=name)
    assert refused(s3.get_bucket_ownership_controls, Bucket=name) == "OwnershipControlsNotFoundError"


def test_logging_needs_a_target_that_lets_s3_write(clients, bucket, refused):
    s3, name, logs = clients("s3"), bucket("bucket"), bucket("logs", versioned=False)
    wanted = {
        "LoggingEnabled": {
            "TargetBucket": logs,
            "TargetPrefix": "bucket/",
            "TargetObjectKeyFormat": {"PartitionedPrefix": {"PartitionDateSource": "EventTime"}},
        }
    }
    put = s3.put_bucket_logging
    assert refused(put, Bucket=name, BucketLoggingStatus=wanted) == "InvalidTargetBucketForLogging"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "logging.s3.amazonaws.com"},
        "Action": ["s3:PutObject"],
        "Resource": f"arn:aws:s3:::{logs}/bucket/*",
        "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333"}},
    }
    s3.put_bucket_policy(Bucket=logs, Policy=json.dumps({"Version": "2012-10-17", "Statement": statement}))
    put(Bucket=name, BucketLoggingStatus=wanted)
    assert s3.get_bucket_logging(Bucket=name)["LoggingEnabled"] == wanted["LoggingEnabled"]
    foreign = {"LoggingEnabled": {"TargetBucket": bucket("foreign", OTHER), "TargetPrefix": ""}}
    assert refused(put, Bucket=name, BucketLoggingStatus=foreign) == "InvalidTargetBucketForLogging"
    put(Bucket=name, BucketLoggingStatus={})
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=name)
