"""The door to AWS over real HTTP: whose credentials, how patient, and every failure as a refusal in words."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import closing
from datetime import datetime, timedelta, timezone

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.aws import Aws, Patience, plain
from auditor.aws.refusals import tidy
from auditor.errors import Refused
from auditor.kinds import Call
from auditor.model import Account
from auditor.standin import serve

REGION = "ap-northeast-1"
PRODUCTION = Account("production", "111122223333", REGION, profile="production")
ANALYTICS = Account("analytics", "444455556666", REGION, profile="analytics")
VERSIONING = Call("s3", "GetBucketVersioning", {"Bucket": "orders", "ExpectedBucketOwner": "111122223333"})
HASTY = Patience(first_wait=0.001, longest_wait=0.002, connect_timeout=2, read_timeout=2)


def profile(name, key, url):
    return f"[profile {name}]\naws_access_key_id = {key}\naws_secret_access_key = x\nendpoint_url = {url}\n"


@pytest.fixture(scope="module")
def server():
    with serve() as running:
        yield running


@pytest.fixture
def standin(server, tmp_path, monkeypatch):
    server.reset()
    config = tmp_path / "config"
    config.write_text(
        profile("production", "111122223333", server.url)
        + profile("analytics", "444455556666", server.url)
        + profile("nowhere", "111122223333", "http://127.0.0.1:9")
        + "[profile guarded]\nrole_arn = arn:aws:iam::111122223333:role/r\nsource_profile = production\n"
        + "mfa_serial = arn:aws:iam::111122223333:mfa/someone\n"
    )
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with closing(boto3.Session("111122223333", "x", region_name=REGION).client("s3", endpoint_url=server.url)) as s3:
        s3.create_bucket(Bucket="orders", CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_versioning(Bucket="orders", VersioningConfiguration={"Status": "Enabled"})
    server.clear()
    return server


@pytest.fixture
def aws(standin):
    with Aws(patience=HASTY) as door:
        yield door


def refusal(ask, call=VERSIONING):
    with pytest.raises(Refused) as caught:
        ask(call)
    assert "\n" not in caught.value.sentence
    assert caught.value.sentence.endswith((".", "!", "…"))
    assert caught.value.__cause__ is None
    return caught.value


def asked(standin, operation="GetBucketVersioning"):
    return [call for call in standin.calls() if call["operation"] == operation]


def test_an_answer_is_plain_json(aws):
    assert aws.ask(PRODUCTION, REGION)(VERSIONING) == {"Status": "Enabled"}
    role = aws.tell(PRODUCTION, REGION)(
        Call("iam", "CreateRole", {"RoleName": "r", "AssumeRolePolicyDocument": '{"Statement": []}'})
    )["Role"]
    assert datetime.fromisoformat(role["CreateDate"].replace("Z", "+00:00")).utcoffset() == timedelta(0)
    assert role["CreateDate"].endswith("Z")
    assert role["AssumeRolePolicyDocument"] == {"Statement": []}
    assert type(role["AssumeRolePolicyDocument"]) is dict


def test_each_account_is_asked_with_its_own_credentials(aws, standin):
    assert aws.ask(PRODUCTION, REGION)(Call("sts", "GetCallerIdentity"))["Account"] == "111122223333"
    assert aws.ask(ANALYTICS, REGION)(Call("sts", "GetCallerIdentity"))["Account"] == "444455556666"
    assert refusal(aws.ask(ANALYTICS, REGION)).permission == "s3:GetBucketVersioning"


def test_ambient_credentials_are_found_as_boto3_finds_them(aws, monkeypatch, standin):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "111122223333")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", standin.url)
    assert aws.ask(Account("a", "111122223333", REGION), REGION)(VERSIONING) == {"Status": "Enabled"}


def test_nothing_is_read_with_the_credentials_of_another_account(aws, standin):
    mistaken = Account("production", "999999999999", REGION, profile="production")
    for _ in range(3):
        said = refusal(aws.ask(mistaken, REGION))
        assert said.reason == "WrongAccount"
        assert "111122223333" in said.sentence
        assert "999999999999" in said.sentence
    assert [call["operation"] for call in standin.calls()] == ["GetCallerIdentity"]


def test_the_account_is_verified_once_however_many_ask(aws, standin):
    ask = aws.ask(PRODUCTION, REGION)
    threads = [threading.Thread(target=ask, args=(VERSIONING,)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(asked(standin, "GetCallerIdentity")) == 1
    assert len(asked(standin)) == 12
    assert aws.usage().calls == 13
    assert aws.usage().retries == 0


def trusting(aws, account, external_id):
    condition = {"StringEquals": {"sts:ExternalId": external_id}}
    statement = {
        "Effect": "Allow",
        "Principal": {"AWS": "111122223333"},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    trust = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    read = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}
    tell = aws.tell(account, REGION)
    tell(Call("iam", "CreateRole", {"RoleName": "auditor", "AssumeRolePolicyDocument": trust}))
    tell(Call("iam", "PutRolePolicy", {"RoleName": "auditor", "PolicyName": "r", "PolicyDocument": json.dumps(read)}))


@pytest.fixture
def ambient(standin, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "111122223333")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    monkeypatch.setenv("AWS_ENDPOINT_URL", standin.url)


def test_a_role_is_assumed_with_its_external_id(aws, standin, ambient):
    trusting(aws, ANALYTICS, "open sesame")
    standin.options(enforce=True)
    role = "arn:aws:iam::444455556666:role/auditor"
    account = Account("analytics", "444455556666", REGION, assume_role=role, external_id="open sesame")
    identity = aws.ask(account, REGION)(Call("sts", "GetCallerIdentity"))
    assert identity["Arn"].startswith("arn:aws:sts::444455556666:assumed-role/auditor/auditor-")
    aws.ask(account, REGION)(Call("s3", "ListBuckets"))
    assert len(asked(standin, "AssumeRole")) == 1


def test_a_role_that_may_not_be_assumed_is_said_so_without_naming_it(aws, standin, ambient):
    trusting(aws, ANALYTICS, "open sesame")
    standin.options(enforce=True)
    role = "arn:aws:iam::444455556666:role/auditor"
    said = refusal(aws.ask(Account("analytics", "444455556666", REGION, assume_role=role, external_id="no"), REGION))
    assert (said.reason, said.permission) == ("AccessDenied", "sts:AssumeRole")
    assert "role/auditor" not in said.sentence


def test_what_may_not_be_read_names_the_permission(aws, standin):
    standin.faults(
        [{"operation": "GetBucketVersioning", "status": 403, "code": "AccessDenied", "message": "Access Denied"}]
    )
    said = refusal(aws.ask(PRODUCTION, REGION))
    assert (said.reason, said.permission, said.attempts) == ("AccessDenied", "s3:GetBucketVersioning", 1)
    assert len(asked(standin)) == 1


def test_the_permission_that_aws_names_wins_and_the_caller_is_left_out(aws, standin):
    message = (
        "User: arn:aws:sts::111122223333:assumed-role/x/y is not authorized to perform: kms:Decrypt on resource: k "
        "because no identity-based policy allows the kms:Decrypt action"
    )
    standin.faults([{"service": "iam", "status": 403, "code": "AccessDenied", "message": message}])
    said = refusal(aws.ask(PRODUCTION, REGION), Call("iam", "GetRole", {"RoleName": "r"}))
    assert said.permission == "kms:Decrypt"
    assert "because no identity-based policy allows" in said.sentence
    assert "assumed-role" not in said.sentence


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (Account("production", "111122223333", REGION), "NoCredentials"),
        (Account("production", "111122223333", REGION, profile="forgotten"), "NoCredentials"),
        (
            Account("production", "111122223333", REGION, assume_role="arn:aws:iam::111122223333:role/r"),
            "NoCredentials",
        ),
        (Account("production", "111122223333", REGION, profile="guarded"), "NoCredentials"),
        (Account("production", "111122223333", REGION, profile="nowhere"), "Unreachable"),
    ],
    ids=["nothing", "no such profile", "nothing to assume a role with", "a code to type in", "nobody listens"],
)
def test_no_way_in_is_a_refusal_for_every_read(aws, account, reason):
    for _ in range(2):
        assert refusal(aws.ask(account, REGION)).reason == reason


FAULTS = [
    ("throttled", {"status": 503, "code": "SlowDown"}, "SlowDown", HASTY.attempts),
    ("failing", {"status": 500, "code": "InternalError"}, "InternalError", HASTY.attempts),
    ("hanging up", {"drop": True}, "Unreachable", HASTY.attempts),
    # botocore takes a 200 of S3 that is no XML for a failure of S3.
    ("half an answer", {"body": "<Versioning"}, "Malformed", HASTY.attempts),
    ("a page of a proxy", {"body": "<html>welcome"}, "Malformed", HASTY.attempts),
    ("a proxy that forbids", {"status": 403, "code": "", "body": "<html>no"}, "Malformed", HASTY.silent_attempts),
    ("silent", {"delay": 4.0}, "Timeout", 1),
    ("expired", {"expired": True}, "ExpiredToken", 1),
    ("signed with a dead key", {"status": 403, "code": "InvalidAccessKeyId"}, "InvalidAccessKeyId", 1),
    ("gone", {"status": 404, "code": "NoSuchBucket"}, "NoSuchBucket", 1),
]


@pytest.mark.parametrize(("fault", "reason", "attempts"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS])
def test_every_failure_is_a_reason_and_a_sentence(standin, fault, reason, attempts):
    patience = Patience(
        first_wait=0.001, longest_wait=0.002, read_timeout=1, silent_attempts=attempts if reason == "Timeout" else 3
    )
    standin.faults([{"operation": "GetBucketVersioning", **fault}])
    with Aws(patience=patience) as aws:
        said = refusal(aws.ask(PRODUCTION, REGION))
        assert (said.reason, said.attempts) == (reason, attempts)
        assert aws.usage().retries == attempts - 1
    assert len(asked(standin)) == attempts


@pytest.mark.parametrize(
    ("call", "fault", "reason"),
    [
        (
            Call("dynamodb", "DescribeTable", {"TableName": "t"}),
            {"status": 400, "code": "ThrottlingException"},
            "ThrottlingException",
        ),
        (Call("dynamodb", "DescribeTable", {"TableName": "t"}), {"expired": True}, "ExpiredToken"),
        (Call("dynamodb", "ListTables"), {"body": "{"}, "Malformed"),
        (
            Call("lambda", "GetPolicy", {"FunctionName": "f"}),
            {"status": 429, "code": "TooManyRequestsException"},
            "TooManyRequestsException",
        ),
        (Call("iam", "GetRole", {"RoleName": "r"}), {"status": 400, "code": "Throttling"}, "Throttling"),
        (
            Call("s3", "HeadObject", {"Bucket": "orders", "Key": "k"}),
            {"status": 403, "code": "AccessDenied"},
            "AccessDenied",
        ),
        (
            Call("sqs", "GetQueueAttributes", {"QueueUrl": "https://sqs/1/q"}),
            {"status": 400, "code": "OverLimit"},
            "OverLimit",
        ),
        (
            Call("kms", "DescribeKey", {"KeyId": "k"}),
            {"status": 400, "code": "AccessDeniedException"},
            "AccessDeniedException",
        ),
        (Call("cloudwatch", "ListMetrics"), {"status": 400, "code": "AccessDenied"}, "AccessDenied"),
    ],
)
def test_every_protocol_has_its_own_way_to_refuse(aws, standin, call, fault, reason):
    standin.faults([{"service": call.service, "operation": call.operation, **fault}])
    assert refusal(aws.ask(PRODUCTION, REGION), call).reason == reason


@pytest.mark.parametrize(
    "fault", [{"status": 503, "code": "SlowDown"}, {"drop": True}, {"status": 500, "code": "InternalError"}]
)
def test_with_a_third_of_all_calls_disturbed_every_read_is_answered(standin, fault):
    standin.faults([{"probability": 0.35, "seed": 7, **fault}])
    with Aws(patience=HASTY) as aws:
        ask = aws.ask(PRODUCTION, REGION)
        assert [ask(VERSIONING) for _ in range(60)] == [{"Status": "Enabled"}] * 60
        assert aws.usage().calls == 61
        assert aws.usage().retries == len(standin.calls()) - 61 > 0


def test_ways_into_one_account_share_what_aws_lets_it_ask(standin, tmp_path):
    again = profile("again", "111122223333", standin.url)
    (tmp_path / "config").write_text((tmp_path / "config").read_text() + again)
    standin.faults([{"operation": "GetRole", "times": 1, "status": 400, "code": "Throttling"}])
    role = Call("iam", "GetRole", {"RoleName": "r"})
    with Aws(patience=HASTY) as aws:
        for name in ("production", "again"):
            assert refusal(aws.ask(Account(name, "111122223333", REGION, profile=name), REGION), role).attempts > 0
        limited, other = (aws._door(Account("x", number, REGION, profile="again")) for number in ("111122223333", "1"))
        assert limited._paces.of("iam", "GetRole", REGION).rate is not None
        assert aws._door(PRODUCTION)._paces is limited._paces
        assert limited._paces.of("iam", "ListRoles", REGION).rate is None
        assert other._paces.of("iam", "GetRole", REGION).rate is None


def test_a_bucket_in_another_region_is_found_by_boto3_itself(aws, standin):
    assert aws.ask(PRODUCTION, "eu-west-1")(VERSIONING) == {"Status": "Enabled"}
    assert not asked(standin, "HeadBucket")


def test_s3_control_reaches_an_endpoint_that_has_no_names_for_accounts(aws):
    said = refusal(
        aws.ask(PRODUCTION, REGION), Call("s3control", "GetPublicAccessBlock", {"AccountId": "111122223333"})
    )
    assert said.reason == "NoSuchPublicAccessBlockConfiguration"


def test_a_write_that_aws_does_not_have_never_leaves(aws, standin):
    wrong = Call("s3", "PutBucketVersioning", {"Bucket": "orders", "VersioningConfiguration": {"Status": 1}})
    assert refusal(aws.tell(PRODUCTION, REGION), wrong).reason == "InvalidParameters"
    assert refusal(aws.tell(PRODUCTION, REGION), Call("s3", "PutBucketSpeed")).reason == "InvalidParameters"
    assert not asked(standin, "PutBucketVersioning")


def test_a_throttled_write_is_made_and_an_unclear_one_is_not_made_again(aws, standin):
    put = Call("s3", "PutBucketVersioning", {"Bucket": "orders", "VersioningConfiguration": {"Status": "Suspended"}})
    standin.faults([{"operation": "PutBucketVersioning", "status": 503, "code": "SlowDown", "times": 4}])
    aws.tell(PRODUCTION, REGION)(put)
    assert aws.ask(PRODUCTION, REGION)(VERSIONING) == {"Status": "Suspended"}
    standin.clear()

    standin.faults([{"service": "lambda", "drop": True}])
    add = Call(
        "lambda", "AddPermission", {"FunctionName": "f", "StatementId": "s", "Action": "lambda:*", "Principal": "*"}
    )
    assert refusal(aws.tell(PRODUCTION, REGION), add).reason == "Unreachable"
    assert len(asked(standin, "AddPermission")) == 1


def test_a_stopped_run_waits_for_nothing(standin):
    standin.faults([{"operation": "GetBucketVersioning", "status": 503, "code": "SlowDown"}])
    with Aws(patience=Patience(first_wait=3600, longest_wait=3600)) as aws:
        said = []

        def ask():
            said.append(refusal(aws.ask(PRODUCTION, REGION)).reason)

        thread = threading.Thread(target=ask)
        thread.start()
        while not asked(standin) and thread.is_alive():
            time.sleep(0.01)
        aws.stop()
        thread.join(20)
        assert said == ["SlowDown"]
        assert refusal(aws.ask(PRODUCTION, REGION)).reason == "Interrupted"


def test_the_user_agent_says_who_asks(monkeypatch, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        (tmp_path / "config").write_text(
            profile("production", "111122223333", f"http://127.0.0.1:{listener.getsockname()[1]}")
        )
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
        heard = []

        def listen():
            connection, _ = listener.accept()
            with connection:
                heard.append(connection.recv(65536).decode())
                said = b"<ErrorResponse><Error><Code>AccessDenied</Code></Error></ErrorResponse>"
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: %d\r\n\r\n%s" % (len(said), said))

        thread = threading.Thread(target=listen)
        thread.start()
        with Aws(patience=HASTY) as aws:
            assert refusal(aws.ask(PRODUCTION, REGION)).reason == "AccessDenied"
        thread.join(20)
    assert " auditor/" in heard[0]


def test_aws_words_are_told_without_keys_and_in_one_line():
    said = tidy("The key AKIAIOSFODNN7EXAMPLE\r\n\x1b[31mdoes not exist " + "x" * 900)
    assert "AKIA" not in said
    assert "\x1b" not in said
    assert len(said) <= 400


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text()
        | st.binary()
        | st.datetimes(timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=9))])),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
        max_leaves=10,
    )
)
def test_any_answer_becomes_json(value):
    once = plain(value)
    assert plain(once) == once
    json.dumps(once)


@pytest.mark.parametrize("body", ["", "{", "null", "[]", "<html><body>Sign in</body></html>"])
@pytest.mark.parametrize(
    "call",
    [
        VERSIONING,
        Call("s3", "GetBucketLocation", {"Bucket": "orders"}),
        Call("s3", "GetBucketPolicy", {"Bucket": "orders"}),
        Call("dynamodb", "ListTables"),
        Call("lambda", "ListFunctions"),
        Call("events", "ListRules"),
        Call("kms", "ListKeys"),
        Call("iam", "ListRoles"),
        Call("sns", "ListTopics"),
        Call("sqs", "ListQueues"),
        Call("cloudwatch", "ListMetrics"),
        Call("cloudwatch", "DescribeAlarms"),
        Call("glue", "GetDatabases"),
    ],
    ids=lambda call: f"{call.service}-{call.operation}",
)
def test_half_an_answer_is_never_taken_for_an_empty_one(aws, standin, call, body):
    statement = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::orders/*"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    aws.tell(PRODUCTION, REGION)(Call("s3", "PutBucketPolicy", {"Bucket": "orders", "Policy": policy}))
    standin.faults([{"service": call.service, "operation": call.operation, "body": body}])
    ask = aws.ask(PRODUCTION, REGION)
    if call.operation == "GetBucketPolicy" and body and "html" not in body:
        assert ask(call) == {"Policy": body}
    else:
        assert refusal(ask, call).reason == "Malformed"
