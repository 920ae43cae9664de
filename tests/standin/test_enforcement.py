"""With `enforce`, IAM decides: the right action names, resources, and all the policies that bear on a call."""

import json
import time
from pathlib import Path

import boto3
import botocore.exceptions
import pytest
import yaml

from auditor.standin.pipeline import Names, build_golden

CALLS = yaml.safe_load((Path(__file__).parent / "enforced.yaml").read_text())
ACTIONS = sorted({action for call in CALLS for action in call["needs"]})
DENIED = {"AccessDenied", "AccessDeniedException", "AuthorizationError", "403"}
NAMES = Names()
# Enough to tell a least-privilege policy from a wildcard: every resource the calls touch, by its ARN.
RESOURCES = [
    "arn:aws:dynamodb:ap-northeast-1:111122223333:table/my-table",
    *(f"arn:aws:s3:::{name}" for name in ("orders-export", "tagged", "locked")),
    "arn:aws:s3:::orders-export/*",
    "arn:aws:iam::111122223333:role/replication-source-role",
    "arn:aws:iam::111122223333:policy/extra",
    "arn:aws:lambda:ap-northeast-1:111122223333:function:on-export",
    "arn:aws:sqs:ap-northeast-1:111122223333:orders-replication-failures",
    "arn:aws:sns:ap-northeast-1:111122223333:topic",
    "arn:aws:events:ap-northeast-1:111122223333:rule/*",
    "arn:aws:cloudwatch:ap-northeast-1:111122223333:alarm:*",
    "arn:aws:kms:ap-northeast-1:111122223333:key/*",
    "arn:aws:glue:ap-northeast-1:111122223333:*",
]
# Actions that know no resource must be granted on all.
NO_RESOURCE = [
    "dynamodb:ListTables",
    "s3:ListAllMyBuckets",
    "s3:GetAccountPublicAccessBlock",
    "s3:ListJobs",
    "s3:CreateJob",
    "iam:GetAccountAuthorizationDetails",
    "cloudwatch:ListMetrics",
    "organizations:ListPoliciesForTarget",
]


def policy(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(actions, resources):
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def trust(principal, **condition):
    return policy({"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **condition})


@pytest.fixture
def world(clients, bucket, standin):
    """Build the golden pipeline and whatever else the calls touch; switch enforcement on; return an id of a key."""
    build_golden(clients)
    bucket("tagged", versioned=False)
    s3 = clients("s3")
    s3.put_bucket_tagging(Bucket="tagged", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    place = {"CreateBucketConfiguration": {"LocationConstraint": "ap-northeast-1"}}
    s3.create_bucket(Bucket="locked", ObjectLockEnabledForBucket=True, **place)
    s3.put_object(Bucket=NAMES.source, Key="exports/here", Body=b"x")
    flags = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    clients("s3control").put_public_access_block(AccountId=NAMES.production, PublicAccessBlockConfiguration=flags)
    clients("iam").create_policy(PolicyName="extra", PolicyDocument=policy(allow("s3:GetObject", "*")))
    clients("sns").create_topic(Name="topic")
    clients("events").put_rule(Name="rule", EventPattern='{"source": ["aws.s3"]}')
    clients("glue").create_database(DatabaseInput={"Name": "db"})
    clients("glue").create_table(DatabaseName="db", TableInput={"Name": "orders"})
    organizations = clients("organizations")
    organizations.create_organization(FeatureSet="ALL")
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    key = clients("kms").create_key()["KeyMetadata"]["KeyId"]
    clients("kms").create_alias(AliasName="alias/mine", TargetKeyId=key)
    standin.options(enforce=True)
    return key


@pytest.fixture
def role(clients, standin):
    """Make a role with an inline policy; return a client factory that calls as a session of it."""
    made = []

    def make(document, name="auditor", account=NAMES.production, **more):
        iam = clients("iam", account)
        if not made:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{account}:root"}))
        iam.put_role_policy(RoleName=name, PolicyName="p", PolicyDocument=document)
        arn = f"arn:aws:iam::{account}:role/{name}"
        keys = clients("sts", account).assume_role(RoleArn=arn, RoleSessionName="night", **more)["Credentials"]
        session = {"aws_secret_access_key": keys["SecretAccessKey"], "aws_session_token": keys["SessionToken"]}

        def client(service, region=NAMES.region):
            made.append(service)
            return clients(service, keys["AccessKeyId"], region, **session)

        return client

    return make


def make(call, client, key):
    service, method = call["call"].split(".")
    params = {name: key if value == "KEY" else value for name, value in call.get("params", {}).items()}
    try:
        getattr(client(service), method)(**params)
    except botocore.exceptions.ClientError as error:
        code = error.response["Error"]["Code"]
        if code in DENIED:
            return error.response["Error"]["Message"]
        raise
    return None


def test_the_least_policy_is_enough(world, role):
    scoped = [action for action in ACTIONS if action not in NO_RESOURCE]
    client = role(policy(allow(scoped, RESOURCES), allow(NO_RESOURCE, "*")))
    told = {call["call"]: make(call, client, world) for call in CALLS}
    assert {call: message for call, message in told.items() if message} == {}


def test_every_action_is_needed_and_named(world, role):
    """A call that lacks one of its actions is refused and changes nothing, so all can be made in one world."""
    wrong = {}
    for action in ACTIONS:
        client = role(policy(allow([each for each in ACTIONS if each != action], "*")))
        for call in CALLS:
            if action not in call["needs"]:
                continue
            message = make(call, client, world)
            # HEAD has no body to say it in.
            told = message == "Forbidden" or f"not authorized to perform: {action} on resource" in (message or "")
            if not told:
                wrong[call["call"], action] = message
    assert wrong == {}


def test_scope_and_explicit_deny(world, role):
    read = {"call": "s3.get_bucket_versioning", "params": {"Bucket": "orders-export"}}
    assert make(read, role(policy(allow("s3:*", "arn:aws:s3:::orders-export"))), world) is None
    assert make(read, role(policy(allow("s3:*", "arn:aws:s3:::orders-export/*"))), world)
    assert make(read, role(policy(allow("s3:*", "arn:aws:s3:::other"))), world)
    deny = {"Effect": "Deny", "Action": "s3:GetBucketVersioning", "Resource": "*"}
    assert "explicit deny" in make(read, role(policy(allow("*", "*"), deny)), world)


def test_a_session_policy_narrows(world, role):
    read = {"call": "s3.get_bucket_versioning", "params": {"Bucket": "orders-export"}}
    narrow = policy(allow("s3:GetBucketAcl", "*"))
    assert make(read, role(policy(allow("*", "*")), Policy=narrow), world)


def test_a_boundary_narrows(world, role, clients):
    read = {"call": "s3.get_bucket_versioning", "params": {"Bucket": "orders-export"}}
    client = role(policy(allow("*", "*")))
    assert make(read, client, world) is None
    arn = clients("iam").create_policy(PolicyName="b", PolicyDocument=policy(allow("iam:*", "*")))["Policy"]["Arn"]
    clients("iam").put_role_permissions_boundary(RoleName="auditor", PermissionsBoundary=arn)
    assert make(read, client, world)


def test_across_accounts_both_sides_must_agree(world, role, clients):
    read = {"call": "s3.get_bucket_versioning", "params": {"Bucket": NAMES.destination}}
    client = role(policy(allow("s3:*", "*")))
    assert make(read, client, world)
    s3 = clients("s3", NAMES.analytics)
    statement = allow("s3:GetBucketVersioning", f"arn:aws:s3:::{NAMES.destination}")
    principal = {"Principal": {"AWS": f"arn:aws:iam::{NAMES.production}:role/auditor"}}
    s3.put_bucket_policy(Bucket=NAMES.destination, Policy=policy(statement | principal))
    assert make(read, client, world) is None
    assert make(read, role(policy(allow("s3:GetBucketAcl", "*"))), world)


def test_trust_and_external_id(world, clients, refused):
    condition = {"Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}
    document = trust({"AWS": f"arn:aws:iam::{NAMES.production}:root"}, **condition)
    clients("iam", NAMES.analytics).create_role(RoleName="auditor", AssumeRolePolicyDocument=document)
    assume, arn = clients("sts").assume_role, f"arn:aws:iam::{NAMES.analytics}:role/auditor"
    assert refused(assume, RoleArn=arn, RoleSessionName="night") == "AccessDenied"
    assert refused(assume, RoleArn=arn, RoleSessionName="night", ExternalId="wrong") == "AccessDenied"
    assert assume(RoleArn=arn, RoleSessionName="night", ExternalId="secret")["Credentials"]
    stranger = clients("sts", "999988887777").assume_role
    assert refused(stranger, RoleArn=arn, RoleSessionName="night", ExternalId="secret") == "AccessDenied"
    assert refused(assume, RoleArn=arn + "-not", RoleSessionName="night") == "AccessDenied"


def test_users_have_their_own_and_their_groups_policies(world, clients, refused):
    iam = clients("iam")
    iam.create_user(UserName="u")
    keys = iam.create_access_key(UserName="u")["AccessKey"]
    s3 = clients("s3", keys["AccessKeyId"], aws_secret_access_key=keys["SecretAccessKey"])
    assert refused(s3.get_bucket_versioning, Bucket=NAMES.source) == "AccessDenied"
    iam.create_group(GroupName="g")
    iam.put_group_policy(GroupName="g", PolicyName="p", PolicyDocument=policy(allow("s3:Get*", "*")))
    iam.add_user_to_group(GroupName="g", UserName="u")
    assert s3.get_bucket_versioning(Bucket=NAMES.source)["Status"] == "Enabled"
    arn = iam.create_policy(PolicyName="l", PolicyDocument=policy(allow("s3:ListBucket", "*")))["Policy"]["Arn"]
    assert refused(s3.list_objects_v2, Bucket=NAMES.source) == "AccessDenied"
    iam.attach_user_policy(UserName="u", PolicyArn=arn)
    assert s3.list_objects_v2(Bucket=NAMES.source)["KeyCount"]


def test_unknown_keys(world, clients, refused):
    unknown = "AKIA" + "0" * 16
    assert refused(clients("s3", unknown).list_buckets) == "InvalidAccessKeyId"
    assert refused(clients("dynamodb", unknown).list_tables) == "UnrecognizedClientException"
    assert refused(clients("sts", unknown).get_caller_identity) == "InvalidClientTokenId"


def test_an_export_writes_with_the_callers_permissions(world, role, clients):
    def export(*statements):
        client = role(policy(allow(["dynamodb:*"], "*"), *statements))
        dynamodb = client("dynamodb")
        arn = dynamodb.export_table_to_point_in_time(
            TableArn=NAMES.table_arn, S3Bucket=NAMES.source, S3Prefix="exports"
        )["ExportDescription"]["ExportArn"]
        while True:
            found = dynamodb.describe_export(ExportArn=arn)["ExportDescription"]
            if found["ExportStatus"] != "IN_PROGRESS":
                return found["ExportStatus"], found.get("FailureCode")
            time.sleep(0.02)

    write = ["s3:PutObject", "s3:PutObjectAcl", "s3:AbortMultipartUpload"]
    objects = f"arn:aws:s3:::{NAMES.source}/exports/*"
    assert export(allow(write, objects)) == ("COMPLETED", None)
    assert export(allow(write[:2], objects)) == ("FAILED", "S3AccessDenied")
    assert export(allow(write, f"arn:aws:s3:::{NAMES.source}")) == ("FAILED", "S3AccessDenied")


def test_the_account_key_may_do_everything_at_home(world, clients, refused):
    assert clients("s3").get_bucket_versioning(Bucket=NAMES.source)["Status"] == "Enabled"
    assert refused(clients("s3", NAMES.analytics).get_bucket_versioning, Bucket=NAMES.source) == "AccessDenied"


def test_ordinary_profiles_with_roles_work(world, clients, standin, tmp_path, monkeypatch):
    document = trust({"AWS": f"arn:aws:iam::{NAMES.production}:root"})
    iam = clients("iam", NAMES.analytics)
    iam.create_role(RoleName="auditor", AssumeRolePolicyDocument=document)
    iam.put_role_policy(RoleName="auditor", PolicyName="p", PolicyDocument=policy(allow("s3:Get*", "*")))
    config = tmp_path / "config"
    config.write_text(
        f"[profile base]\naws_access_key_id = {NAMES.production}\naws_secret_access_key = x\n"
        f"[profile analytics]\nrole_arn = arn:aws:iam::{NAMES.analytics}:role/auditor\nsource_profile = base\n"
        f"region = {NAMES.region}\n"
    )
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_ENDPOINT_URL", standin.url)
    session = boto3.Session(profile_name="analytics")
    s3 = session.client("s3")
    assert s3.get_bucket_versioning(Bucket=NAMES.destination)["Status"] == "Enabled"
    with pytest.raises(botocore.exceptions.ClientError, match="s3:ListBucket "):
        s3.list_objects_v2(Bucket=NAMES.destination)
    s3.close()
