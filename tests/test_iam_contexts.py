"""The requests that the pipeline's own parts make, judged against the policies that people really write."""

from __future__ import annotations

import pytest

from auditor.iam import Policies, decide
from auditor.iam.contexts import (
    Circumstances,
    api_call,
    assume_replication_role,
    athena_read,
    event_delivery,
    export_kms,
    export_write,
    notification,
    notification_kms,
    replication,
    replication_kms,
    rule_kms,
)

HOME, AWAY, ORG = "111122223333", "444455556666", "o-home"
ROLE = f"arn:aws:iam::{HOME}:role/replication"
CALLER = f"arn:aws:iam::{HOME}:role/export-job"
SOURCE, TARGET = "arn:aws:s3:::orders-export", "arn:aws:s3:::orders-analytics"
OBJECT = f"{TARGET}/exports/AWSDynamoDB/0176-a/data/x.json.gz"
KEY = f"arn:aws:kms:ap-northeast-1:{AWAY}:key/k"
QUEUE = f"arn:aws:sqs:ap-northeast-1:{HOME}:q"
TOPIC = f"arn:aws:sns:ap-northeast-1:{HOME}:t"
FUNCTION = f"arn:aws:lambda:ap-northeast-1:{HOME}:function:f"
RULE = f"arn:aws:events:ap-northeast-1:{HOME}:rule/r"
OWN = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}


def replicated(**around):
    return replication(ROLE, "s3:ReplicateObject", OBJECT, owner=AWAY, around=Circumstances(**around))


def exported(**more):
    return export_write(CALLER, "s3:PutObject", f"{SOURCE}/exports/x", owner=HOME, **more)


def told(target=QUEUE, action="sqs:SendMessage"):
    return notification(target, action, bucket=SOURCE, bucket_account=HOME)


def judge(request, effect="Deny", who="*", action="s3:*", allow_first=True, **condition):
    """Decide on a request under one statement, beside one that allows."""
    statement = {"Effect": effect, "Principal": who, "Action": action, "Resource": "*", "Condition": condition}
    allow = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
    body = [allow, statement] if allow_first else [statement]
    return decide(request, Policies.of([OWN], {"Version": "2012-10-17", "Statement": body}))


@pytest.mark.parametrize(
    ("condition", "effect"),
    [
        ({"Bool": {"aws:SecureTransport": "false"}}, "allowed"),
        ({"NumericLessThan": {"s3:TlsVersion": "1.2"}}, "allowed"),
        ({"NumericLessThan": {"s3:TlsVersion": "1.3"}}, "unknown"),
        ({"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, "explicit_deny"),
        ({"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}, "explicit_deny"),
        ({"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24", "10.0.0.0/8"]}}, "explicit_deny"),
        ({"IpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, "allowed"),
        ({"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}, "explicit_deny"),
        ({"Bool": {"aws:MultiFactorAuthPresent": "false"}}, "allowed"),
        ({"StringNotEquals": {"aws:PrincipalAccount": [AWAY]}}, "explicit_deny"),
        ({"StringNotEquals": {"aws:PrincipalAccount": [AWAY, HOME]}}, "allowed"),
        ({"StringNotEquals": {"aws:PrincipalOrgID": ORG}}, "unknown"),
        ({"Bool": {"aws:ViaAWSService": "false"}, "StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, "explicit_deny"),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, "allowed"),
        ({"ArnNotLike": {"aws:PrincipalArn": ROLE}, "StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, "allowed"),
        ({"StringNotEquals": {"aws:RequestedRegion": "ap-northeast-1"}}, "unknown"),
        ({"StringNotEquals": {"aws:PrincipalTag/team": "data"}}, "unknown"),
        ({"Null": {"s3:DataAccessPointAccount": "true"}}, "explicit_deny"),
        ({"DateGreaterThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, "unknown"),
    ],
)
def test_what_stops_replication(condition, effect):
    assert judge(replicated(), **condition).effect == effect


def test_what_is_known_around_replication_settles_more():
    outside = {"StringNotEquals": {"aws:PrincipalOrgID": ORG}}
    assert judge(replicated(principal_org=ORG), **outside).effect == "allowed"
    assert judge(replicated(principal_org="o-other"), **outside).effect == "explicit_deny"
    assert judge(replicated(principal_org=""), **outside).effect == "explicit_deny"
    other_team = {"StringNotEquals": {"aws:PrincipalTag/team": "data"}}
    assert judge(replicated(tags={"team": "data"}), **other_team).effect == "allowed"
    assert judge(replicated(tags={}), **other_team).effect == "explicit_deny"
    region = {"StringNotEquals": {"aws:RequestedRegion": "ap-northeast-1"}}
    assert judge(replicated(context={"aws:RequestedRegion": "ap-northeast-1"}), **region).effect == "allowed"


def test_a_deny_of_put_object_does_not_stop_replication():
    missing = {"Null": {"s3:x-amz-server-side-encryption": "true"}}
    assert judge(replicated(), action="s3:PutObject", **missing).effect == "allowed"
    assert judge(replicated(), action="s3:*", **missing).effect == "explicit_deny"


@pytest.mark.parametrize(
    ("sse", "condition", "effect"),
    [
        ("", {"Null": {"s3:x-amz-server-side-encryption": "true"}}, "explicit_deny"),
        ("KMS", {"Null": {"s3:x-amz-server-side-encryption": "true"}}, "allowed"),
        ("", {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}, "explicit_deny"),
        ("AES256", {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}, "explicit_deny"),
        ("AES256", {"StringNotEquals": {"s3:x-amz-server-side-encryption": ["AES256", "aws:kms"]}}, "allowed"),
        ("KMS", {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": KEY}}, "explicit_deny"),
        ("", {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}, "explicit_deny"),
        ("", {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}, "Bool": {"aws:ViaAWSService": "false"}}, "allowed"),
        ("", {"NotIpAddress": {"aws:SourceIp": "203.0.113.0/24"}}, "explicit_deny"),
        ("", {"StringNotEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}}, "unknown"),
        ("", {"ForAllValues:StringNotEquals": {"aws:CalledVia": "dynamodb.amazonaws.com"}}, "allowed"),
        ("", {"ForAnyValue:StringEquals": {"aws:CalledVia": "athena.amazonaws.com"}}, "allowed"),
        ("", {"Bool": {"aws:SecureTransport": "false"}}, "allowed"),
    ],
)
def test_what_stops_an_export(sse, condition, effect):
    assert judge(exported(sse=sse), action="s3:PutObject", **condition).effect == effect


def test_an_export_with_the_key_that_the_bucket_wants():
    wanted = {"StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": KEY}}
    assert judge(exported(sse="KMS", sse_key=KEY), action="s3:PutObject", **wanted).effect == "allowed"


def test_an_export_to_another_account_needs_the_bucket_policy():
    request = export_write(CALLER, "s3:PutObject", OBJECT, owner=AWAY)
    assert decide(request, Policies.of([OWN])).effect == "implicit_deny"
    named = {"Effect": "Allow", "Principal": {"AWS": CALLER}, "Action": "s3:PutObject", "Resource": f"{TARGET}/*"}
    assert decide(request, Policies.of([OWN], {"Statement": named})).effect == "allowed"


def test_a_job_s_own_call_comes_from_nobody_knows_where():
    request = api_call(CALLER, "dynamodb:ExportTableToPointInTime", f"arn:aws:dynamodb:us-east-1:{HOME}:table/t")
    own = {"Effect": "Allow", "Action": "dynamodb:*", "Resource": "*"}
    home = {
        "Effect": "Deny",
        "Action": "*",
        "Resource": "*",
        "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}},
    }
    assert decide(request, Policies.of([{"Statement": own}])).effect == "allowed"
    assert decide(request, Policies.of([{"Statement": [own, home]}])).effect == "unknown"


@pytest.mark.parametrize(
    ("condition", "effect"),
    [
        ({"StringEquals": {"kms:ViaService": "s3.ap-northeast-1.amazonaws.com"}}, "allowed"),
        ({"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}, "implicit_deny"),
        ({"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}, "allowed"),
        ({"StringEquals": {"kms:CallerAccount": HOME}}, "allowed"),
        ({"StringEquals": {"kms:CallerAccount": AWAY}}, "implicit_deny"),
        ({"StringLike": {"kms:EncryptionContext:aws:s3:arn": f"{TARGET}/*"}}, "allowed"),
        ({"StringEquals": {"kms:EncryptionContext:aws:s3:arn": TARGET}}, "implicit_deny"),
        ({"Bool": {"kms:GrantIsForAWSResource": "true"}}, "implicit_deny"),
        ({"ForAllValues:StringEquals": {"kms:EncryptionContextKeys": "aws:s3:arn"}}, "allowed"),
    ],
)
def test_the_key_of_the_destination(condition, effect):
    request = replication_kms(ROLE, "kms:Encrypt", KEY, object_arn=OBJECT)
    decision = judge(request, "Allow", {"AWS": HOME}, "kms:Encrypt", allow_first=False, **condition)
    assert decision.effect == effect


def test_a_bucket_key_has_the_bucket_in_its_encryption_context():
    request = replication_kms(ROLE, "kms:Encrypt", KEY, object_arn=TARGET)
    objects = {"StringLike": {"kms:EncryptionContext:aws:s3:arn": f"{TARGET}/*"}}
    decision = judge(request, "Allow", {"AWS": HOME}, "kms:Encrypt", allow_first=False, **objects)
    assert decision.effect == "implicit_deny"
    assert f"the request has {TARGET}" in decision.explain


def test_the_key_of_an_export_is_used_through_two_services():
    request = export_kms(CALLER, "kms:GenerateDataKey", KEY, object_arn=OBJECT)
    condition = {"ForAnyValue:StringEquals": {"aws:CalledVia": "s3.amazonaws.com"}}
    assert judge(request, "Allow", {"AWS": HOME}, "kms:*", allow_first=False, **condition).effect == "allowed"


def test_athena_reads_for_its_caller():
    request = athena_read(f"arn:aws:iam::{AWAY}:role/analyst", "s3:GetObject", OBJECT, owner=AWAY)
    via = {"ForAllValues:StringNotEquals": {"aws:CalledVia": "athena.amazonaws.com"}}
    assert judge(request, **via).effect == "allowed"


@pytest.mark.parametrize(
    ("condition", "effect"),
    [
        ({}, "allowed"),
        ({"StringEquals": {"aws:SourceAccount": HOME}}, "unknown"),
        ({"StringEquals": {"aws:SourceAccount": AWAY}}, "implicit_deny"),
        ({"ArnLike": {"aws:SourceArn": f"{SOURCE}*"}}, "unknown"),
        ({"ArnLike": {"aws:SourceArn": TARGET}}, "implicit_deny"),
        ({"StringEqualsIfExists": {"aws:SourceAccount": HOME}}, "allowed"),
    ],
)
def test_s3_assumes_the_replication_role(condition, effect):
    request = assume_replication_role(ROLE, bucket=SOURCE, bucket_account=HOME)
    trust = {
        "Effect": "Allow",
        "Principal": {"Service": "s3.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": condition,
    }
    assert decide(request, Policies.of(resource={"Statement": trust})).effect == effect


@pytest.mark.parametrize(
    ("target", "action"), [(QUEUE, "sqs:SendMessage"), (TOPIC, "sns:Publish"), (FUNCTION, "lambda:InvokeFunction")]
)
@pytest.mark.parametrize(
    ("condition", "effect"),
    [
        ({"ArnLike": {"aws:SourceArn": SOURCE}, "StringEquals": {"aws:SourceAccount": HOME}}, "allowed"),
        ({"ArnEquals": {"AWS:SourceArn": "arn:aws:s3:*:*:orders-export"}}, "allowed"),
        ({"StringLike": {"aws:SourceArn": "arn:aws:s3:::orders-*"}}, "allowed"),
        ({"ArnLike": {"aws:SourceArn": TARGET}}, "implicit_deny"),
        ({"StringEquals": {"aws:SourceAccount": AWAY}}, "implicit_deny"),
        ({"StringEquals": {"aws:PrincipalOrgID": ORG}}, "implicit_deny"),
        ({"StringEquals": {"aws:SourceOrgID": ORG}}, "unknown"),
        ({"StringEquals": {"AWS:SourceOwner": HOME}}, "implicit_deny"),
        ({"Bool": {"aws:PrincipalIsAWSService": "true"}}, "allowed"),
    ],
)
def test_s3_tells_its_target(target, action, condition, effect):
    who = {"Service": "s3.amazonaws.com"}
    assert judge(told(target, action), "Allow", who, action, allow_first=False, **condition).effect == effect


def test_an_organisation_perimeter_stops_notifications_unless_it_exempts_services():
    perimeter = {"StringNotEquals": {"aws:PrincipalOrgID": ORG}}
    assert judge(told(), action="sqs:*", **perimeter).effect == "explicit_deny"
    exempt = {**perimeter, "BoolIfExists": {"aws:PrincipalIsAWSService": "false"}}
    assert judge(told(), action="sqs:*", **exempt).effect == "allowed"


def test_an_encrypted_queue_needs_a_key_that_lets_s3_in():
    request = notification_kms(KEY, "kms:GenerateDataKey", target=QUEUE, bucket=SOURCE, bucket_account=HOME)
    who = {"Service": "s3.amazonaws.com"}
    known = {"StringEquals": {"aws:SourceAccount": HOME}, "ArnLike": {"aws:SourceArn": SOURCE}}
    assert judge(request, "Allow", who, "kms:GenerateDataKey*", allow_first=False, **known).effect == "allowed"
    assert judge(request, "Allow", {"AWS": HOME}, "kms:*", allow_first=False).effect == "implicit_deny"
    context = {"StringEquals": {"kms:EncryptionContext:aws:sqs:arn": QUEUE}}
    assert judge(request, "Allow", who, "kms:*", allow_first=False, **context).effect == "allowed"


@pytest.mark.parametrize(
    ("target", "action", "effect"),
    [
        (QUEUE, "sqs:SendMessage", "allowed"),
        (FUNCTION, "lambda:InvokeFunction", "allowed"),
        (TOPIC, "sns:Publish", "unknown"),
    ],
)
def test_a_rule_tells_its_name_to_lambda_and_sqs_but_not_surely_to_sns(target, action, effect):
    request = event_delivery(target, action, rule=RULE)
    who, mine = {"Service": "events.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": RULE}}
    assert judge(request, "Allow", who, action, allow_first=False, **mine).effect == effect
    other = {"ArnEquals": {"aws:SourceArn": f"{RULE}-2"}}
    assert judge(request, "Allow", who, action, allow_first=False, **other).effect == "implicit_deny"


def test_a_rule_s_use_of_a_key_need_not_tell_the_rule():
    request = rule_kms(KEY, "kms:Decrypt", target=QUEUE, rule=RULE)
    who, mine = {"Service": "events.amazonaws.com"}, {"ArnEquals": {"aws:SourceArn": RULE}}
    assert judge(request, "Allow", who, "kms:*", allow_first=False).effect == "allowed"
    assert judge(request, "Allow", who, "kms:*", allow_first=False, **mine).effect == "unknown"


def test_the_explanation_says_from_where_a_service_calls():
    decision = judge(replicated(), NotIpAddress={"aws:SourceIp": "203.0.113.0/24"})
    assert "it will be an address of AWS's own or absent" in decision.explain
    assert "AWS 側のアドレスまたはキーなしになります" in decision.explain_ja
