"""Bucket policies: checked when put, public or not, and what becomes of principals that are deleted."""

import json
from pathlib import Path

import pytest
import yaml

CASES = yaml.safe_load((Path(__file__).parent / "policies.yaml").read_text())
STATEMENT = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::444455556666:role/there"},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::bucket/*",
}
TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "s3.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    }
)


def policy(statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def s3(clients, bucket):
    bucket("bucket")
    clients("iam", "444455556666").create_role(RoleName="there", AssumeRolePolicyDocument=TRUST)
    return clients("s3")


@pytest.mark.parametrize("case", CASES["accepted"], ids=lambda case: case["name"])
def test_accepted_and_public_or_not(case, s3, refused):
    text = policy(STATEMENT | case["statement"])
    if case["public"]:
        assert refused(s3.put_bucket_policy, Bucket="bucket", Policy=text) == "AccessDenied"
        s3.delete_public_access_block(Bucket="bucket")
    s3.put_bucket_policy(Bucket="bucket", Policy=text)
    assert s3.get_bucket_policy(Bucket="bucket")["Policy"] == text
    assert s3.get_bucket_policy_status(Bucket="bucket")["PolicyStatus"]["IsPublic"] is case["public"]


@pytest.mark.parametrize("case", CASES["refused"], ids=lambda case: case["name"])
def test_refused(case, s3, refused):
    statement = STATEMENT | case.get("statement", {})
    statement.pop(case.get("without"), None)
    assert refused(s3.put_bucket_policy, Bucket="bucket", Policy=policy(statement)) == "MalformedPolicy"
    assert refused(s3.get_bucket_policy, Bucket="bucket") == "NoSuchBucketPolicy"


@pytest.mark.parametrize("text", ["", "no JSON", "[]", '{"Version": "2020-01-01", "Statement": []}', "{}"])
def test_no_policy_at_all(text, s3, refused):
    assert refused(s3.put_bucket_policy, Bucket="bucket", Policy=text) == "MalformedPolicy"


def test_twenty_kilobytes(s3, refused):
    long = policy(STATEMENT | {"Sid": "x" * 20_480})
    assert refused(s3.put_bucket_policy, Bucket="bucket", Policy=long) == "MalformedPolicy"


def test_the_account_can_block_public_policies_too(s3, clients, refused):
    s3.delete_public_access_block(Bucket="bucket")
    control = clients("s3control")
    block = {"BlockPublicAcls": False, "IgnorePublicAcls": False, "BlockPublicPolicy": True}
    control.put_public_access_block(
        AccountId="111122223333", PublicAccessBlockConfiguration=block | {"RestrictPublicBuckets": False}
    )
    text = policy(STATEMENT | {"Principal": "*"})
    assert refused(s3.put_bucket_policy, Bucket="bucket", Policy=text) == "AccessDenied"


def test_a_role_made_anew_is_another_principal(s3, clients):
    iam = clients("iam", "444455556666")
    identity = iam.get_role(RoleName="there")["Role"]["RoleId"]
    text = policy(STATEMENT)
    s3.put_bucket_policy(Bucket="bucket", Policy=text)
    assert s3.get_bucket_policy(Bucket="bucket")["Policy"] == text
    iam.delete_role(RoleName="there")
    expected = text.replace("arn:aws:iam::444455556666:role/there", identity)
    assert s3.get_bucket_policy(Bucket="bucket")["Policy"] == expected
    iam.create_role(RoleName="there", AssumeRolePolicyDocument=TRUST)
    assert s3.get_bucket_policy(Bucket="bucket")["Policy"] == expected
