"""The same repairs for moto in the test's own process."""

import subprocess
import sys

import pytest

PROGRAM = """
import boto3
from moto import mock_aws
from auditor.standin import REPAIRS, install

install()
with mock_aws():
    s3 = boto3.client("s3", region_name="ap-northeast-1", aws_access_key_id="111122223333", aws_secret_access_key="x")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-1"})
    rule = {"ID": "a", "Status": "Enabled", "Filter": {"ObjectSizeGreaterThan": 5}, "Expiration": {"Days": 1}}
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration={"Rules": [rule]})
    assert s3.get_bucket_lifecycle_configuration(Bucket="bucket")["Rules"] == [rule]
    assert set(s3.get_public_access_block(Bucket="bucket")["PublicAccessBlockConfiguration"].values()) == {True}
    other = boto3.client("s3", region_name="ap-northeast-1", aws_access_key_id="444455556666", aws_secret_access_key="x")
    try:
        other.get_bucket_versioning(Bucket="bucket")
    except other.exceptions.ClientError as error:
        print(error.response["Error"]["Code"])
install()
print(len(REPAIRS))
"""


def test_install_repairs_mock_aws():
    """In a process of its own: mock_aws would take over the server of the other tests."""
    run = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert run.stdout.split() == ["AccessDenied", "13"], run.stderr


def test_another_moto_is_refused_with_a_sentence():
    from auditor.errors import UsageError
    from auditor.standin.patch import wrap

    class Changed:
        """A class of a moto that was rewritten."""

    with pytest.raises(UsageError, match=r"The installed moto has no .*Changed\.put"):
        wrap(Changed, "put", lambda original: original)
