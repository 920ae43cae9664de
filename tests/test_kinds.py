"""Each facet against the stand-in over HTTP: what is written is read, undone is as before, erased is absent."""

from __future__ import annotations

import functools
import json

import boto3
import pytest

from auditor.aws import Aws
from auditor.errors import Refused
from auditor.kinds import KINDS, Call, action_of, attributes_of, target_of
from auditor.kinds.documents import normal_policy, parsed
from auditor.kinds.paging import pages
from auditor.kinds.s3_health import SAMPLED
from auditor.kinds.shapes import call_problem, document_problem, enum_values, route_problem, routes
from auditor.model import NODES, Account, Node, Pipeline, Unread
from auditor.standin import serve
from auditor.standin.pipeline import Names, build_golden

REGION = "ap-northeast-1"
PRODUCTION, ANALYTICS = Account("production", "111122223333", REGION), Account("analytics", "444455556666", REGION)
FUNCTION = f"arn:aws:lambda:{REGION}:111122223333:function:on-export"
QUEUE, TOPIC = f"arn:aws:sqs:{REGION}:111122223333:jobs", f"arn:aws:sns:{REGION}:111122223333:heralds"
ROLE = "arn:aws:iam::111122223333:role/replication-source-role"
SOURCE, PLAIN = "orders-export", "orders-plain"
IDS = {
    "dynamodb.table": "my-table",
    "s3.bucket": SOURCE,
    "iam.role": "replication-source-role",
    "lambda.function": "on-export",
    "sqs.queue": "jobs",
    "sns.topic": "heralds",
    "events.rule": "landed",
    "kms.key": "",
    "glue.table": "exports/orders",
}


def allow(sid, action, resource, principal=None, condition=None):
    statement = {"Sid": sid, "Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Principal": principal} if principal else {}) | ({"Condition": condition} if condition else {})


def policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


S3 = {"Service": "s3.amazonaws.com"}
EVENTS = {"Service": "events.amazonaws.com"}
FROM_RULE = {"ArnLike": {"aws:SourceArn": f"arn:aws:events:{REGION}:111122223333:rule/landed"}}
FROM_SOURCE = {
    "StringEquals": {"aws:SourceAccount": "111122223333"},
    "ArnLike": {"aws:SourceArn": f"arn:aws:s3:::{SOURCE}"},
}
RULE = {
    "ID": "all",
    "Priority": 7,
    "Status": "Enabled",
    "Filter": {"Prefix": "exports/"},
    "DeleteMarkerReplication": {"Status": "Enabled"},
    "Destination": {
        "Bucket": "arn:aws:s3:::orders-analytics",
        "ReplicationTime": {"Status": "Enabled", "Time": {"Minutes": 15}},
        "Metrics": {"Status": "Enabled", "EventThreshold": {"Minutes": 15}},
    },
}
LIFECYCLE = {
    "TransitionDefaultMinimumObjectSize": "varies_by_storage_class",
    "Rules": [
        {"ID": "b", "Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}},
        {"ID": "c", "Status": "Disabled", "Filter": {"Prefix": "x"}, "Expiration": {"Date": "2031-02-03T00:00:00Z"}},
        {
            "ID": "a",
            "Status": "Disabled",
            "Filter": {"And": {"Prefix": "exports/", "ObjectSizeGreaterThan": 5}},
            "Expiration": {"Days": 9},
            "NoncurrentVersionExpiration": {"NoncurrentDays": 3, "NewerNoncurrentVersions": 2},
        },
    ],
}
JOB = {
    "Description": "auditor: objects older than the rule",
    "Priority": 10,
    "RoleArn": ROLE,
    "ConfirmationRequired": True,
    "Operation": {"S3ReplicateObject": {}},
    "Report": {"Enabled": False},
    "ManifestGenerator": {
        "S3JobManifestGenerator": {
            "SourceBucket": f"arn:aws:s3:::{SOURCE}",
            "EnableManifestOutput": False,
            "Filter": {"EligibleForReplication": True, "ObjectReplicationStatuses": ["NONE", "FAILED"]},
        }
    },
}
PITR = "PointInTimeRecoveryDescription"

# kind, facet, the document to write, what may follow `target`: another id than the usual one.
WRITES = [
    ("dynamodb.table", "ContinuousBackups", {PITR: {"PointInTimeRecoveryStatus": "DISABLED"}}, ""),
    (
        "dynamodb.table",
        "ContinuousBackups",
        {PITR: {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 7}},
        "",
    ),
    ("dynamodb.table", "Description", {"DeletionProtectionEnabled": False}, ""),
    (
        "dynamodb.table",
        "Policy",
        policy(
            allow("Read", "dynamodb:GetItem", f"arn:aws:dynamodb:{REGION}:111122223333:table/my-table", {"AWS": ROLE})
        ),
        "",
    ),
    ("s3.bucket", "Versioning", {"Status": "Enabled"}, PLAIN),
    ("s3.bucket", "Replication", {"Role": ROLE, "Rules": [RULE]}, ""),
    ("s3.bucket", "Replication", None, ""),
    (
        "s3.bucket",
        "Notification",
        {
            "EventBridgeConfiguration": {},
            "LambdaFunctionConfigurations": [
                {
                    "Id": "landed",
                    "LambdaFunctionArn": FUNCTION,
                    "Events": ["s3:ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy"],
                    "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "exports/"}]}},
                }
            ],
        },
        "",
    ),
    ("s3.bucket", "Notification", {}, ""),
    ("s3.bucket", "Lifecycle", LIFECYCLE, ""),
    ("s3.bucket", "Lifecycle", None, ""),
    (
        "s3.bucket",
        "Policy",
        policy(
            allow("Read", ["s3:GetObject"], [f"arn:aws:s3:::{SOURCE}/*"], {"AWS": "arn:aws:iam::444455556666:root"})
        ),
        "",
    ),
    ("s3.bucket", "Policy", None, ""),
    ("s3.bucket", "PublicAccessBlock", {"BlockPublicAcls": True}, ""),
    ("s3.bucket", "PublicAccessBlock", None, ""),
    ("s3.bucket", "OwnershipControls", {"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}, ""),
    ("s3.bucket", "OwnershipControls", None, ""),
    (
        "s3.bucket",
        "Encryption",
        {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}, "BucketKeyEnabled": True}]},
        "",
    ),
    ("s3.bucket", "Logging", {}, ""),
    ("s3.bucket", "ReplicationJobs", {"Region": REGION, "Jobs": [JOB], "Truncated": False}, ""),
    (
        "iam.role",
        "Trust",
        policy(
            {
                "Effect": "Allow",
                "Principal": {"Service": ["s3.amazonaws.com", "batchoperations.s3.amazonaws.com"]},
                "Action": "sts:AssumeRole",
            }
        ),
        "",
    ),
    (
        "iam.role",
        "InlinePolicies",
        {"more": policy(allow("More", "s3:ListBucket", "*")), "other": policy(allow("Other", "s3:GetObject", "*"))},
        "",
    ),
    ("iam.role", "InlinePolicies", {}, ""),
    (
        "lambda.function",
        "Policy",
        policy(
            allow("exports", "lambda:InvokeFunction", FUNCTION, S3, FROM_SOURCE),
            allow("events", "lambda:InvokeFunction", FUNCTION, {"Service": "events.amazonaws.com"}),
        ),
        "",
    ),
    ("lambda.function", "Policy", None, ""),
    ("sqs.queue", "Policy", policy(allow("Send", "sqs:SendMessage", QUEUE, S3, FROM_SOURCE)), ""),
    ("sqs.queue", "Attributes", {"KmsMasterKeyId": "alias/aws/sqs", "SqsManagedSseEnabled": "false"}, ""),
    ("sns.topic", "Policy", policy(allow("Tell", "sns:Publish", TOPIC, S3, FROM_SOURCE)), ""),
    (
        "events.rule",
        "TargetPolicies",
        {
            "Targets": [
                {
                    "Arn": FUNCTION,
                    "Policy": policy(allow("Wake", "lambda:InvokeFunction", FUNCTION, EVENTS, FROM_RULE)),
                },
                {"Arn": QUEUE, "Policy": policy(allow("Send", "sqs:SendMessage", QUEUE, EVENTS, FROM_RULE))},
                {"Arn": TOPIC, "Policy": policy(allow("Tell", "sns:Publish", TOPIC, EVENTS))},
            ]
        },
        "",
    ),
    (
        "events.rule",
        "Rule",
        {
            "Name": "landed",
            "EventPattern": {"source": ["aws.s3"], "detail": {"bucket": {"name": [SOURCE]}}},
            "State": "DISABLED",
            "Description": "exports that landed",
        },
        "",
    ),
    (
        "kms.key",
        "Policy",
        policy(allow("Root", "kms:*", "*", {"AWS": "arn:aws:iam::111122223333:root"})),
        "",
    ),
    ("kms.key", "Rotation", {"KeyRotationEnabled": True}, ""),
]
# What cannot be made undone whole, and must say so.
LOSSY = {("s3.bucket", "Versioning"), ("s3.bucket", "ReplicationJobs"), ("dynamodb.table", "ContinuousBackups")}


@pytest.fixture(scope="module")
def config(tmp_path_factory):
    with serve() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path_factory.mktemp("aws") / "config"))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path_factory.mktemp("aws") / "credentials"))
        patch.setenv("AWS_ACCESS_KEY_ID", "111122223333")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        patch.setenv("AWS_ENDPOINT_URL", server.url)
        server.reset()
        yield server


@pytest.fixture(scope="module")
def standin(config):
    made = []

    @functools.cache
    def client(service, account, region=REGION):
        one = boto3.Session(account, "x", region_name=region).client(service)
        made.append(one)
        return one

    build_golden(client, Names())
    client("s3", "111122223333").create_bucket(Bucket=PLAIN, CreateBucketConfiguration={"LocationConstraint": REGION})
    client("sqs", "111122223333").create_queue(QueueName="jobs")
    client("sns", "111122223333").create_topic(Name="heralds")
    client("events", "111122223333").put_rule(Name="landed", EventPattern='{"source": ["aws.s3"]}')
    client("events", "111122223333").put_targets(
        Rule="landed",
        Targets=[
            {"Id": "f", "Arn": FUNCTION, "Input": '{"token": "hidden"}'},
            {"Id": "q", "Arn": QUEUE},
            {"Id": "t", "Arn": TOPIC},
            {"Id": "by-role", "Arn": f"arn:aws:states:{REGION}:111122223333:stateMachine:load", "RoleArn": ROLE},
        ],
    )
    IDS["kms.key"] = client("kms", "111122223333").create_key()["KeyMetadata"]["KeyId"]
    client("kms", "111122223333").create_alias(AliasName="alias/exports", TargetKeyId=IDS["kms.key"])
    client("glue", "444455556666").create_database(DatabaseInput={"Name": "exports"})
    client("glue", "444455556666").create_table(
        DatabaseName="exports",
        TableInput={"Name": "orders", "StorageDescriptor": {"Location": "s3://orders-analytics/exports/"}},
    )
    config.clients = client
    yield config
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def aws(standin):
    with Aws() as door:
        yield door


def place(kind):
    return next(name for name, kinds in NODES.items() if kind in kinds)


def target(kind, name="", **settings):
    settings = {"prefix": "exports/", **settings} if kind == "s3.bucket" else settings
    return target_of(Node(place(kind), kind, PRODUCTION, name or IDS[kind], settings))


def reader(aws, whom, account=PRODUCTION):
    """Return how to read, refusing a call that botocore's model does not have."""
    ask = aws.ask(account, whom.region)

    def checked(call):
        assert call_problem(call) is None, (call, call_problem(call))
        return ask(call)

    return checked


def read(aws, kind, facet, whom):
    document = KINDS[kind].facets[facet].read(reader(aws, whom), whom)
    assert document_problem(kind, facet, document) is None, document_problem(kind, facet, document)
    json.dumps(document)
    return document


def write(aws, row, whom, before, after):
    calls = row.write(whom, before, after)
    for call in calls:
        assert call_problem(call) is None, (call, call_problem(call))
        assert action_of(call) in row.write_permissions
        aws.tell(PRODUCTION, whom.region)(call)
    return calls


@pytest.mark.parametrize(
    ("kind", "facet", "after", "name"), WRITES, ids=[f"{row[0]}-{row[1]}-{n}" for n, row in enumerate(WRITES)]
)
def test_what_is_written_is_read_and_undone_is_as_before(aws, kind, facet, after, name):
    whom, row = target(kind, name), KINDS[kind].facets[facet]
    before = read(aws, kind, facet, whom)
    assert row.normal(before) != row.normal(after)
    assert document_problem(kind, facet, after) is None

    assert write(aws, row, whom, before, after)
    written = read(aws, kind, facet, whom)
    assert row.normal(written) == row.normal(after)

    write(aws, row, whom, written, before)
    undone = read(aws, kind, facet, whom)
    if (kind, facet) in LOSSY and row.lossy(before, after) is not None:
        assert row.lossy(before, after).en
        assert row.lossy(before, after).ja
    else:
        assert row.normal(undone) == row.normal(before)


def test_every_writer_is_tried():
    rows = {(kind.name, row.name) for kind in KINDS.values() for row in kind.facets.values() if row.write}
    assert rows == {(kind, facet) for kind, facet, _, _ in WRITES}


@pytest.mark.parametrize(
    ("kind", "facet"), [(kind.name, name) for kind in KINDS.values() for name in kind.facets if name != "Plan"]
)
def test_every_facet_is_read_with_the_calls_and_permissions_that_its_row_names(aws, kind, facet):
    account = ANALYTICS if kind == "glue.table" else PRODUCTION
    whom = target_of(Node(place(kind), kind, account, IDS[kind], {"prefix": "exports/"}))
    row, made = KINDS[kind].facets[facet], []

    def ask(call):
        made.append(call)
        assert call_problem(call) is None
        return aws.ask(account, whom.region)(call)

    if account is ANALYTICS:
        with pytest.MonkeyPatch.context() as patch, Aws() as other:
            patch.setenv("AWS_ACCESS_KEY_ID", account.id)
            document = row.read(other.ask(account, whom.region), whom)
    else:
        document = row.read(ask, whom)
        assert made
    assert document_problem(kind, facet, document) is None
    assert {f"{call.service}:{call.operation}" for call in made} <= set(row.calls)
    assert {action_of(call) for call in made} <= set(row.permissions)
    # HeadObject always names a version here, and S3 then asks for another action.
    versioned = {"VersionId": "v"}
    assert {action_of(Call(*call.split(":"), versioned)) for call in row.calls} == set(row.permissions)
    assert row.doc.en
    assert row.doc.ja


@pytest.mark.parametrize(
    ("facet", "absent"),
    [
        ("Versioning", {}),
        ("Replication", None),
        ("Notification", {}),
        ("Lifecycle", None),
        ("Policy", None),
        ("PolicyStatus", None),
        ("AccountPublicAccessBlock", None),
        ("Logging", {}),
        ("ObjectLock", None),
        ("FailureAlarms", []),
    ],
)
def test_not_configured_is_told_from_not_read(aws, standin, facet, absent):
    standin.clients("s3", "111122223333").create_bucket(
        Bucket=f"fresh-{facet.lower()}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    assert read(aws, "s3.bucket", facet, target("s3.bucket", f"fresh-{facet.lower()}")) == absent


# The account's own settings, and what the stand-in lists of a table that it does not have.
WITHOUT_RESOURCE = {
    ("s3.bucket", "AccountPublicAccessBlock"),
    ("dynamodb.table", "Exports"),
    ("iam.role", "ServiceControlPolicies"),
    *((kind, "ResourceControlPolicies") for kind in ("s3.bucket", "kms.key", "sqs.queue")),
}


@pytest.mark.parametrize(
    ("kind", "facet"),
    [(kind.name, name) for kind in KINDS.values() for name in kind.facets if (kind.name, name) not in WITHOUT_RESOURCE],
)
def test_what_does_not_exist_is_refused_and_never_absent(aws, kind, facet):
    name = (
        "00000000-0000-4000-8000-000000000000"
        if kind == "kms.key"
        else "no/such"
        if kind == "glue.table"
        else "none-such"
    )
    with pytest.raises(Refused) as caught:
        KINDS[kind].facets[facet].read(reader(aws, target(kind, name)), target(kind, name))
    assert caught.value.reason not in {"Malformed", "Timeout"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_a_plan_would_change_is_not_asked_of_aws(aws, kind):
    with pytest.raises(Refused) as caught:
        KINDS[kind].facets["Plan"].read(reader(aws, target(kind, "any")), target(kind, "any"))
    assert caught.value.reason == "OnlyPlan"


def test_a_bucket_of_another_account_is_not_read(aws):
    with pytest.raises(Refused) as caught:
        read(aws, "s3.bucket", "Versioning", target("s3.bucket", "orders-analytics"))
    assert caught.value.reason == "AccessDenied"
    assert caught.value.permission == "s3:GetBucketVersioning"


def test_every_bucket_call_names_the_owner(aws, standin):
    whom = target("s3.bucket")
    for row in (row for row in KINDS["s3.bucket"].facets.values() if row.calls):
        made = []

        def ask(call, made=made):
            made.append(call)
            return aws.ask(PRODUCTION, REGION)(call)

        row.read(ask, whom)
        assert all(call.params["ExpectedBucketOwner"] == "111122223333" for call in made if call.service == "s3")


def test_a_function_keeps_its_environment_to_itself(aws, standin):
    standin.clients("lambda", "111122223333").update_function_configuration(
        FunctionName="on-export", Environment={"Variables": {"TOKEN": "hidden"}}
    )
    document = read(aws, "lambda.function", "Configuration", target("lambda.function"))
    assert document["FunctionName"] == "on-export"
    assert "hidden" not in json.dumps(document)
    assert route_problem("lambda.function", "Configuration.Environment.Variables")


def test_a_rule_keeps_what_it_sends_to_itself(aws):
    hit = read(aws, "events.rule", "Targets", target("events.rule"))[0]
    assert hit["Arn"] == FUNCTION
    assert "hidden" not in json.dumps(hit)


def test_a_key_may_be_named_by_alias(aws):
    by_alias = target("kms.key", "alias/exports")
    assert read(aws, "kms.key", "Description", by_alias)["KeyId"] == IDS["kms.key"]
    assert read(aws, "kms.key", "Policy", by_alias) == read(aws, "kms.key", "Policy", target("kms.key"))
    before = read(aws, "kms.key", "Rotation", by_alias)
    [call] = KINDS["kms.key"].facets["Rotation"].write(by_alias, before, {**before, "KeyRotationEnabled": True})
    assert not call.params["KeyId"].startswith("alias/")
    with pytest.raises(Refused, match="alias"):
        KINDS["kms.key"].facets["Policy"].write(by_alias, None, policy())


def test_managed_policies_and_the_boundary_are_read_in_their_default_version(aws, standin):
    iam = standin.clients("iam", "111122223333")
    iam.create_role(RoleName="bounded", Path="/deep/er/", AssumeRolePolicyDocument=json.dumps(policy()))
    arn = iam.create_policy(PolicyName="grown", PolicyDocument=json.dumps(policy(allow("Old", "s3:*", "*"))))["Policy"][
        "Arn"
    ]
    newer = policy(allow("New", "s3:GetObject", "*"))
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=json.dumps(newer), SetAsDefault=True)
    iam.attach_role_policy(RoleName="bounded", PolicyArn=arn)
    iam.put_role_permissions_boundary(RoleName="bounded", PermissionsBoundary=arn)
    whom = target("iam.role", "arn:aws:iam::111122223333:role/deep/er/bounded")
    assert read(aws, "iam.role", "AttachedPolicies", whom) == {arn: newer}
    assert read(aws, "iam.role", "Boundary", whom) == newer
    assert read(aws, "iam.role", "Role", whom)["Arn"] == whom.id


def test_one_policy_that_may_not_be_read_leaves_the_others_known():
    def ask(call):
        if call.operation == "ListRolePolicies":
            return {"PolicyNames": ["open", "closed"], "IsTruncated": False}
        if call.params["PolicyName"] == "closed":
            raise Refused("AccessDenied", "no", "iam:GetRolePolicy")
        return {"PolicyDocument": policy(allow("A", "s3:*", "*"))}

    whom, row = target("iam.role"), KINDS["iam.role"].facets["InlinePolicies"]
    found = row.read(ask, whom)
    assert found["open"] == policy(allow("A", "s3:*", "*"))
    assert found["closed"] == Unread("AccessDenied", "iam:GetRolePolicy", "no")
    assert [call.operation for call in row.write(whom, found, {**found, "new": policy()})] == ["PutRolePolicy"]
    with pytest.raises(Refused, match="could not be read"):
        row.write(whom, found, {**found, "closed": policy()})
    with pytest.raises(Refused, match="could not be read"):
        row.write(whom, found, {"open": found["open"]})


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ({"Effect": "Deny"}, "plain Allow"),
        ({"Action": ["lambda:InvokeFunction", "lambda:GetFunction"]}, "one action"),
        ({"Resource": FUNCTION + ":live"}, "this very function"),
        ({"Principal": {"AWS": ["111122223333", "444455556666"]}}, "one principal"),
        ({"Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}, "no parameter"),
        ({"Sid": ""}, "needs a Sid"),
        ({"NotPrincipal": {"AWS": "*"}}, "plain Allow"),
    ],
)
def test_a_permission_that_lambda_cannot_express_is_refused_before_any_call(statement, reason):
    whole = {**allow("x", "lambda:InvokeFunction", FUNCTION, S3), **statement}
    with pytest.raises(Refused, match=reason) as caught:
        KINDS["lambda.function"].facets["Policy"].write(target("lambda.function"), None, policy(whole))
    assert caught.value.reason == "CannotExpress"


def test_a_changed_permission_is_removed_before_it_is_added():
    before = policy(allow("x", "lambda:InvokeFunction", FUNCTION, S3))
    after = policy(allow("x", "lambda:InvokeFunction", FUNCTION, S3, FROM_SOURCE))
    calls = KINDS["lambda.function"].facets["Policy"].write(target("lambda.function"), before, after)
    assert [call.operation for call in calls] == ["RemovePermission", "AddPermission"]
    assert calls[1].params["SourceAccount"] == "111122223333"


def test_an_alias_of_a_function_is_its_own_target():
    whom = target("lambda.function", "on-export:live")
    [call] = (
        KINDS["lambda.function"]
        .facets["Policy"]
        .write(whom, None, policy(allow("x", "lambda:InvokeFunction", FUNCTION + ":live", S3)))
    )
    assert call.params["Qualifier"] == "live"
    assert KINDS["lambda.function"].attributes(whom)["Arn"] == FUNCTION + ":live"
    assert KINDS["lambda.function"].attributes(target("lambda.function", "on-export:$LATEST"))["Arn"] == FUNCTION


def test_enabling_recovery_keeps_a_deliberate_period():
    row, whom = KINDS["dynamodb.table"].facets["ContinuousBackups"], target("dynamodb.table")
    on = {PITR: {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 5}}
    [call] = row.write(whom, on, {PITR: {"PointInTimeRecoveryStatus": "ENABLED"}})
    assert call.params["PointInTimeRecoverySpecification"]["RecoveryPeriodInDays"] == 5
    assert row.lossy(on, {PITR: {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 4}})
    assert row.lossy({PITR: {"PointInTimeRecoveryStatus": "DISABLED"}}, on) is None


def test_mfa_delete_is_left_alone():
    row = KINDS["s3.bucket"].facets["Versioning"]
    with pytest.raises(Refused, match="root user"):
        row.write(target("s3.bucket"), {"Status": "Enabled", "MFADelete": "Enabled"}, {"Status": "Enabled"})


def test_a_job_is_asked_for_once_and_its_undo_needs_the_job_that_was_made():
    row, whom = KINDS["s3.bucket"].facets["ReplicationJobs"], target("s3.bucket")
    planned = {"Region": "eu-west-1", "Jobs": [JOB], "Truncated": False}
    empty = {"Region": "eu-west-1", "Jobs": [], "Truncated": False}
    [first], [second] = row.write(whom, empty, planned), row.write(whom, empty, planned)
    assert first == second
    assert first.region == "eu-west-1"
    assert first.params["ConfirmationRequired"] is True
    assert row.write(whom, planned, empty) == ()
    made = {**empty, "Jobs": [{**JOB, "JobId": "j", "Status": "Suspended"}]}
    [undo] = row.write(whom, made, empty)
    assert (undo.operation, undo.params["RequestedJobStatus"]) == ("UpdateJobStatus", "Cancelled")
    assert row.normal(made) == row.normal(planned)
    assert row.normal({**made, "Jobs": [{**JOB, "JobId": "j", "Status": "Cancelled"}]}) == row.normal(empty)


def test_the_newest_exports_come_first_though_aws_promises_no_order():
    ids = [f"0179555994{n:04}-0000000{n % 10}" for n in range(60)]
    arns = [f"arn:aws:dynamodb:{REGION}:111122223333:table/my-table/export/{one}" for one in ids]
    listed = arns[30:] + arns[:30]

    def ask(call):
        if call.operation == "ListExports":
            start = int(call.params.get("NextToken", 0))
            more = {"NextToken": str(start + 25)} if start + 25 < len(listed) else {}
            return {"ExportSummaries": [{"ExportArn": one} for one in listed[start : start + 25]], **more}
        if call.params["ExportArn"] == arns[-2]:
            raise Refused("ExportNotFoundException", "forgotten")
        return {"ExportDescription": {"ExportArn": call.params["ExportArn"]}}

    found = KINDS["dynamodb.table"].facets["Exports"].read(ask, target("dynamodb.table"))["Exports"]
    assert [one["ExportArn"] for one in found] == [arns[-1], *arns[-3:-11:-1]]


def test_the_sample_holds_the_oldest_and_the_newest_export_of_a_large_bucket():
    folders = [f"exports/AWSDynamoDB/{1700000000000 + n:014}-0000000{n}/" for n in range(3)]

    def version(folder, n):
        return {
            "Key": f"{folder}data/{n:04}.json.gz",
            "VersionId": "v",
            "LastModified": f"20{20 + folders.index(folder)}",
            "IsLatest": True,
        }

    heads = []

    def ask(call):
        if call.operation == "HeadObject":
            heads.append(call.params["Key"])
            return {"ReplicationStatus": "COMPLETED"}
        if call.params.get("Delimiter"):
            return {"CommonPrefixes": [{"Prefix": one} for one in [*folders, "exports/AWSDynamoDB/data/"]]}
        if call.params["Prefix"] == folders[-1]:
            return {"Versions": [version(folders[-1], n) for n in range(5)]}
        return {"IsTruncated": True, "Versions": [version(folders[0], n) for n in range(1000)]}

    found = KINDS["s3.bucket"].facets["ObjectSample"].read(ask, target("s3.bucket"))
    assert found["Truncated"] is True
    assert found["Sampled"] == len(found["Objects"]) == len(heads) <= SAMPLED
    assert heads[0].startswith(folders[0])
    assert heads[-1].startswith(folders[-1])
    assert document_problem("s3.bucket", "ObjectSample", found) is None


def test_replication_metrics_are_summed_up_by_rule(aws, standin):
    from datetime import datetime, timedelta, timezone

    cloudwatch = standin.clients("cloudwatch", "111122223333", "eu-west-1")
    home = standin.clients("cloudwatch", "111122223333")
    dimensions = [
        {"Name": "SourceBucket", "Value": SOURCE},
        {"Name": "DestinationBucket", "Value": "orders-analytics"},
        {"Name": "RuleId", "Value": "exports"},
    ]
    hour = datetime.now(timezone.utc).replace(minute=1, second=0, microsecond=0) - timedelta(hours=3)

    def put(client, name, *values):
        client.put_metric_data(
            Namespace="AWS/S3",
            MetricData=[
                {"MetricName": name, "Dimensions": dimensions, "Timestamp": hour + timedelta(hours=n), "Value": value}
                for n, value in enumerate(values)
            ],
        )

    put(home, "OperationsFailedReplication", 0, 2, 1)
    put(cloudwatch, "ReplicationLatency", 30, 1200, 40)
    whom = target("s3.bucket", destination_region="eu-west-1")
    found = read(aws, "s3.bucket", "ReplicationMetrics", whom)
    [rule] = found["Rules"]
    assert (rule["DestinationBucket"], rule["RuleId"]) == ("orders-analytics", "exports")
    assert (rule["OperationsFailedReplication"]["Sum"], rule["OperationsFailedReplication"]["Region"]) == (3, REGION)
    assert (rule["ReplicationLatency"]["Maximum"], rule["ReplicationLatency"]["Latest"]) == (1200, 40)
    assert "BytesPendingReplication" not in rule


def test_only_alarms_that_watch_this_bucket_count():
    def metric(bucket):
        return {
            "Namespace": "AWS/S3",
            "MetricName": "OperationsFailedReplication",
            "Dimensions": [{"Name": "SourceBucket", "Value": bucket}],
        }

    search = "SUM(SEARCH('{AWS/S3,SourceBucket,DestinationBucket,RuleId} MetricName=\"OperationsFailedReplication\"%s', 'Sum'))"
    alarms = [
        {"AlarmName": "direct", **metric(SOURCE)},
        {"AlarmName": "other bucket", **metric("elsewhere")},
        {"AlarmName": "other metric", **metric(SOURCE), "MetricName": "BytesPendingReplication"},
        {"AlarmName": "math", "Metrics": [{"Id": "a", "MetricStat": {"Metric": metric(SOURCE)}}]},
        {"AlarmName": "all buckets", "Metrics": [{"Id": "a", "Expression": search % ""}]},
        {"AlarmName": "by name", "Metrics": [{"Id": "a", "Expression": search % f' SourceBucket="{SOURCE}"'}]},
        {"AlarmName": "not by name", "Metrics": [{"Id": "a", "Expression": search % ' SourceBucket="elsewhere"'}]},
    ]

    def ask(call):
        return {"LocationConstraint": REGION} if call.operation == "GetBucketLocation" else {"MetricAlarms": alarms}

    found = KINDS["s3.bucket"].facets["FailureAlarms"].read(ask, target("s3.bucket"))
    assert [one["AlarmName"] for one in found] == ["direct", "math", "all buckets", "by name"]


@pytest.mark.parametrize(
    ("constraint", "region"), [(None, "us-east-1"), ("EU", "eu-west-1"), ("us-west-2", "us-west-2")]
)
def test_a_bucket_tells_its_region_in_three_ways(constraint, region):
    row = KINDS["s3.bucket"].facets["Location"]
    assert row.read(lambda _: {"LocationConstraint": constraint}, target("s3.bucket")) == {"Region": region}


def test_a_list_is_read_to_its_end_or_refused():
    with pytest.raises(Refused, match="again and again"):
        pages(lambda _: {"Rules": [1], "NextToken": "same"}, Call("events", "ListRules"), "Rules")
    with pytest.raises(Refused) as caught:
        pages(
            lambda call: {"Rules": [1], "NextToken": call.params.get("NextToken", "") + "x"},
            Call("events", "ListRules"),
            "Rules",
            bound=3,
        )
    assert caught.value.reason == "TooMany"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Action": "s3:*"}, {"Action": ["s3:*"]}),
        ({"Action": ["b:x", "a:x"]}, {"Action": ["a:x", "b:x"]}),
        ({"Principal": "*"}, {"Principal": {"AWS": "*"}}),
        ({"Principal": {"AWS": "111122223333"}}, {"Principal": {"AWS": ["arn:aws:iam::111122223333:root"]}}),
        (
            {"Condition": {"ArnEquals": {"AWS:SourceArn": "a"}, "Bool": {"aws:SecureTransport": False}}},
            {"Condition": {"Bool": {"aws:securetransport": "false"}, "ArnLike": {"aws:SourceArn": ["a"]}}},
        ),
    ],
)
def test_policies_that_mean_the_same_have_one_normal_form(one, other):
    rest = {"Effect": "Allow", "Resource": "*"}
    assert normal_policy({"Statement": {**rest, **one}}) == normal_policy({"Id": "x", "Statement": [{**rest, **other}]})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"Action": "s3:*"}, {"NotAction": "s3:*"}),
        ({"Principal": {"AWS": "*"}}, {"Principal": {"Service": "*"}}),
        ({"Condition": {"ArnLike": {"aws:SourceArn": "a"}}}, {"Condition": {"StringLike": {"aws:SourceArn": "a"}}}),
        ({"Resource": "a"}, {"Resource": "A"}),
        ({"Effect": "Allow"}, {"Effect": "Deny"}),
    ],
)
def test_policies_that_differ_in_meaning_differ_in_normal_form(one, other):
    assert normal_policy({"Statement": [one]}) != normal_policy({"Statement": [other]})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ('{"Statement": [], "Statement": []}', "stands twice"),
        ("[" * 100000, "not JSON"),
    ],
)
def test_a_policy_that_cannot_be_written_back_whole_is_not_read(text, said):
    with pytest.raises(Refused, match=said) as caught:
        parsed(text, "The policy")
    assert caught.value.reason == "Malformed"


@pytest.mark.parametrize(
    ("kind", "route", "said"),
    [
        (
            "dynamodb.table",
            "ContinuousBackups.PointInTimeRecovery.Status",
            "Did you mean `PointInTimeRecoveryDescription`",
        ),
        ("s3.bucket", "Replication.Rules.Status", "is a list"),
        ("s3.bucket", "Versioning[0]", "has no items"),
        ("s3.bucket", "Versioning.Status.On", "is text"),
        ("s3.bucket", "Versionning", "Did you mean `Versioning`"),
        ("s3.bucket", "Policy.Statements", "Did you mean `Statement`"),
        ("iam.role", "InlinePolicies.any.Statement[0].Efect", "Did you mean `Effect`"),
        ("sqs.queue", "Attributes.Policy", "has no Policy"),
    ],
)
def test_a_route_that_leads_nowhere_is_said_to(kind, route, said):
    assert said in route_problem(kind, route)
    assert enum_values(kind, route) == ()


@pytest.mark.parametrize(
    ("kind", "route", "values"),
    [
        (
            "dynamodb.table",
            "ContinuousBackups.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus",
            {"ENABLED", "DISABLED"},
        ),
        ("s3.bucket", "Replication.Rules[0].DeleteMarkerReplication.Status", {"Enabled", "Disabled"}),
        ("s3.bucket", "Policy.Statement[].Effect", {"Allow", "Deny"}),
        ("dynamodb.table", "Exports.Exports[0].ExportStatus", {"IN_PROGRESS", "COMPLETED", "FAILED"}),
        ("s3.bucket", "ExportPrefix", set()),
        ("s3.bucket", "Region", set()),
        ("events.rule", "Rule.EventPattern.detail.bucket.name", set()),
        ("events.rule", "Bus", set()),
        ("lambda.function", "Arn", set()),
    ],
)
def test_a_route_that_exists_knows_its_values(kind, route, values):
    assert route_problem(kind, route) is None
    assert set(enum_values(kind, route)) == values


def test_every_listed_route_exists():
    for kind in KINDS.values():
        for facet in kind.facets:
            listed = routes(kind, facet, 3)
            assert len({route for route, _, _ in listed}) == len(listed)
            for route, _, values in listed:
                assert route_problem(kind, route) is None
                assert enum_values(kind, route) == values


@pytest.mark.parametrize(
    ("facet", "document", "said"),
    [
        ("Replication", {"Rules": [{"Staus": "Enabled"}]}, "Rules[0] has no Staus"),
        ("Replication", {"Rules": [{"Status": "enabled"}]}, "no value 'enabled'"),
        ("Replication", {"Rules": {"Status": "Enabled"}}, "Rules must be a list"),
        ("Replication", {"Rules": [{"Priority": "1"}]}, "must be a whole number"),
        ("PublicAccessBlock", {"BlockPublicAcls": "true"}, "must be true or false"),
        ("Policy", {"Statement": [{"Effect": "allow"}]}, "no value 'allow'"),
        ("ObjectSample", {"Objects": [{"Name": "x"}]}, "has no Name"),
    ],
)
def test_a_document_that_aws_would_never_answer_is_said_to_be_one(facet, document, said):
    assert said in document_problem("s3.bucket", facet, document)


def test_what_is_not_known_may_stand_anywhere_in_a_document():
    document = {"Role": Unread("AccessDenied"), "Rules": [Unread("AccessDenied"), {"Status": None}]}
    assert document_problem("s3.bucket", "Replication", document) is None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (Call("s3", "PutBucketVersioning", {"Bucket": "b"}), "VersioningConfiguration"),
        (Call("s3", "PutBucketSpeed", {}), "AWS has no s3:PutBucketSpeed"),
        (Call("s4", "PutBucket", {}), "AWS has no s4:PutBucket"),
        (
            Call("s3", "PutBucketVersioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "On"}}),
            "no value 'On'",
        ),
    ],
)
def test_a_call_that_aws_does_not_have_is_said_to_be_one(call, said):
    assert said in call_problem(call)


def test_a_permission_is_scoped_to_its_resource_as_far_as_the_name_tells():
    def scope(kind, name=""):
        return KINDS[kind].resource_arn(target(kind, name))

    assert scope("s3.bucket") == f"arn:aws:s3:::{SOURCE}"
    assert scope("dynamodb.table") == f"arn:aws:dynamodb:{REGION}:111122223333:table/my-table"
    assert scope("kms.key", "alias/exports") == f"arn:aws:kms:{REGION}:111122223333:key/*"
    assert scope("iam.role", "plain") == "arn:aws:iam::111122223333:role/*plain"
    assert scope("events.rule", "own-bus/landed") == f"arn:aws:events:{REGION}:111122223333:rule/own-bus/landed"


@pytest.mark.parametrize(
    ("prefix", "expected"),
    [
        ("", "AWSDynamoDB/"),
        ("exports", "exports/AWSDynamoDB/"),
        ("exports/", "exports/AWSDynamoDB/"),
        ("a/b/", "a/b/AWSDynamoDB/"),
    ],
)
def test_exports_land_under_the_prefix(prefix, expected):
    node = Node("source_bucket", "s3.bucket", PRODUCTION, SOURCE, {"prefix": prefix})
    assert attributes_of(node)[0]["ExportPrefix"] == expected


def test_replicas_keep_the_keys_of_the_source_and_metrics_are_where_the_destination_is():
    abroad = Account("analytics", "444455556666", "eu-west-1")
    nodes = {
        "source_bucket": Node("source_bucket", "s3.bucket", PRODUCTION, SOURCE, {"prefix": "exports/"}),
        "destination_bucket": Node("destination_bucket", "s3.bucket", abroad, "orders-analytics"),
    }
    pipeline = Pipeline("orders", nodes)
    assert attributes_of(nodes["destination_bucket"], pipeline)[0]["ExportPrefix"] == "exports/AWSDynamoDB/"
    assert target_of(nodes["source_bucket"], pipeline).settings["destination_region"] == "eu-west-1"


def test_a_node_without_a_name_has_no_arn():
    for kind in KINDS:
        attributes, _ = attributes_of(Node(place(kind), kind, PRODUCTION, ""))
        assert "Arn" not in attributes
        assert "Name" not in attributes
