"""One shape, two roads: what a template says of a resource is what AWS answers once it is deployed."""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest

from auditor.aws import Aws
from auditor.files import load_yaml
from auditor.kinds import KINDS
from auditor.kinds.shapes import document_problem
from auditor.model import NODES, Account, Node, Pipeline, Unread
from auditor.sources import cloudformation, live
from auditor.sources.cloudformation_template import parse
from auditor.standin import serve

FOLDER = Path(__file__).parent / "templates" / "oracle"
REGION = "ap-northeast-1"
ROOT = "arn:aws:iam::111122223333:root"
ACCOUNT = Account("production", "111122223333", REGION)
GIVEN = SimpleNamespace(parameters={}, parameter_files=())

# What moto makes of a stack; the rest of the types are made by EXTRA.
BY_MOTO = frozenset(
    f"AWS::{name}"
    for name in (
        "DynamoDB::Table",
        "IAM::Role",
        "IAM::ManagedPolicy",
        "Lambda::Function",
        "SQS::Queue",
        "SNS::Topic",
        "Events::Rule",
    )
)

BUCKETS = ("bare", "rich", "old", "suspended", "locked", "cdk", "target", "log")
SERVICES = {
    "dynamodb.table": ("orders-prod", "plain"),
    "iam.role": ("export-job", "lonely"),
    "lambda.function": ("on-export", "quiet"),
    "sqs.queue": ("failures", "encrypted", "ordered.fifo"),
    "sns.topic": ("herald", "silent"),
    "events.rule": ("landed", "nightly"),
    "kms.key": ("MessageKey", "StillKey"),
    "glue.table": ("exports/orders",),
}
ROWS = [("s3.bucket", f"{name}-bucket") for name in BUCKETS] + [
    (k, name) for k, names in SERVICES.items() for name in names
]
"""Every resource that is compared: its kind and its name."""

# What a template cannot know, and says so.
UNKNOWN = {
    "s3.bucket": {
        "AccountPublicAccessBlock",
        "PolicyStatus",
        "Acl",
        "MultipartUploads",
        "ObjectSample",
        "ReplicationMetrics",
        "ReplicationJobs",
    },
    "dynamodb.table": {"Exports"},
    "events.rule": {"TargetPolicies"},
}
ORGANISATION = {"ServiceControlPolicies", "ResourceControlPolicies"}


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    with serve() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", str(tmp_path_factory.mktemp("aws") / "config"))
        patch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT.id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        patch.setenv("AWS_ENDPOINT_URL", server.url)
        made = []

        @functools.cache
        def client(service):
            made.append(boto3.Session(ACCOUNT.id, "x", region_name=REGION).client(service))
            return made[-1]

        keys = _deploy_services(client)
        for service, operation, params in load_yaml(FOLDER / "buckets.calls.yaml").value:
            getattr(client(service), operation)(**params)
        with Aws() as door:
            yield SimpleNamespace(door=door, keys=keys)
        for one in made:
            one.close()


def _deploy_services(client):
    template = parse((FOLDER / "services.yaml").read_text(), "services.yaml").value
    resources = template["Resources"]
    keys = {name: _key(client, one["Properties"]) for name, one in resources.items() if one["Type"] == "AWS::KMS::Key"}
    known = {name: one for name, one in resources.items() if one["Type"] in BY_MOTO}
    known = {name: {**one, "Properties": {**one["Properties"], "Policies": []}} for name, one in known.items()}
    body = json.dumps({**template, "Resources": known})
    for name, key in keys.items():
        body = body.replace(json.dumps({"Ref": name}), json.dumps(key))
    stacks = client("cloudformation")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stacks.create_stack(StackName="oracle", TemplateBody=body)
    listed = stacks.describe_stack_resources(StackName="oracle")["StackResources"]
    ids = {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in listed} | keys
    for name, one in resources.items():
        if one["Type"] in EXTRA:
            EXTRA[one["Type"]](client, one["Properties"], ids, name)
    return keys


def _key(client, said):
    policy = json.dumps(said["KeyPolicy"]).replace('{"Fn::Sub": "arn:aws:iam::${AWS::AccountId}:root"}', f'"{ROOT}"')
    key = client("kms").create_key(Policy=policy, Description=said.get("Description", ""))["KeyMetadata"]["KeyId"]
    if said.get("EnableKeyRotation"):
        client("kms").enable_key_rotation(KeyId=key)
    return key


def _inline(client, said, ids, name):
    for one in said.get("Policies", ()):
        table = f"arn:aws:dynamodb:{REGION}:{ACCOUNT.id}:table/orders-prod"
        statement = {**one["PolicyDocument"]["Statement"][0], "Resource": table}
        document = _json(_policy(statement))
        client("iam").put_role_policy(RoleName=ids[name], PolicyName=one["PolicyName"], PolicyDocument=document)
    for one in said.get("ManagedPolicyArns", ()):
        client("iam").attach_role_policy(RoleName=ids[name], PolicyArn=ids[one["Ref"]])


def _more(client, said, ids, _name):
    statement = {**said["PolicyDocument"]["Statement"][0], "Resource": "arn:aws:s3:::orders-export/*"}
    named = {"RoleName": ids[said["Roles"][0]["Ref"]], "PolicyName": said["PolicyName"]}
    client("iam").put_role_policy(**named, PolicyDocument=_json(_policy(statement)))


def _alias(client, said, ids, _name):
    client("kms").create_alias(AliasName=said["AliasName"], TargetKeyId=ids[said["TargetKeyId"]["Ref"]])


def _backups(client, said, ids, name):
    recovery = said.get("PointInTimeRecoverySpecification")
    if recovery:
        client("dynamodb").update_continuous_backups(TableName=ids[name], PointInTimeRecoverySpecification=recovery)
    if "ResourcePolicy" in said:
        arn = f"arn:aws:dynamodb:{REGION}:{ACCOUNT.id}:table/{ids[name]}"
        statement = {
            "Sid": "Read",
            "Effect": "Allow",
            "Principal": {"AWS": ACCOUNT.id},
            "Action": "dynamodb:DescribeTable",
            "Resource": arn,
        }
        client("dynamodb").put_resource_policy(ResourceArn=arn, Policy=_json(_policy(statement)))
    if said.get("DeletionProtectionEnabled"):
        client("dynamodb").update_table(TableName=ids[name], DeletionProtectionEnabled=True)


def _policy(*statements):
    return {"Version": "2012-10-17", "Statement": list(statements)}


def _json(document):
    return json.dumps(document)


def _permission(client, said, ids, name):
    given = {key: said[key] for key in ("Action", "Principal", "SourceArn") if key in said}
    account = {"SourceAccount": ACCOUNT.id} if "SourceAccount" in said else {}
    client("lambda").add_permission(FunctionName="on-export", StatementId=name, **given, **account)


def _retries(client, said, _ids, _name):
    client("lambda").put_function_event_invoke_config(
        FunctionName="on-export",
        MaximumRetryAttempts=said["MaximumRetryAttempts"],
        MaximumEventAgeInSeconds=said["MaximumEventAgeInSeconds"],
        DestinationConfig={"OnFailure": {"Destination": f"arn:aws:sqs:{REGION}:{ACCOUNT.id}:failures"}},
    )


def _reserved(client, said, ids, name):
    if "ReservedConcurrentExecutions" in said:
        reserved = said["ReservedConcurrentExecutions"]
        client("lambda").put_function_concurrency(FunctionName=ids[name], ReservedConcurrentExecutions=reserved)


def _queue_policy(client, said, ids, _name):
    for one in said["Queues"]:
        client("sqs").set_queue_attributes(
            QueueUrl=ids[one["Ref"]], Attributes={"Policy": _json(said["PolicyDocument"])}
        )


def _topic_policy(client, said, ids, _name):
    topic = ids[said["Topics"][0]["Ref"]]
    statement = {**said["PolicyDocument"]["Statement"][0], "Resource": topic}
    client("sns").set_topic_attributes(TopicArn=topic, AttributeName="Policy", AttributeValue=_json(_policy(statement)))


def _database(client, said, _ids, _name):
    client("glue").create_database(DatabaseInput=said["DatabaseInput"])


def _catalog_table(client, said, _ids, _name):
    client("glue").create_table(DatabaseName="exports", TableInput=said["TableInput"])


EXTRA = {
    "AWS::IAM::Role": _inline,
    "AWS::IAM::Policy": _more,
    "AWS::DynamoDB::Table": _backups,
    "AWS::Lambda::Permission": _permission,
    "AWS::Lambda::EventInvokeConfig": _retries,
    "AWS::Lambda::Function": _reserved,
    "AWS::SQS::QueuePolicy": _queue_policy,
    "AWS::SNS::TopicPolicy": _topic_policy,
    "AWS::KMS::Alias": _alias,
    "AWS::Glue::Database": _database,
    "AWS::Glue::Table": _catalog_table,
}


def pipeline(kind, name, keys):
    place = next(node for node, kinds in NODES.items() if kind in kinds)
    if kind == "kms.key":
        return {place: Node(place, kind, ACCOUNT, keys[name], {}, {"cloudformation": name})}, place
    key = Node("source_key", "kms.key", ACCOUNT, keys["MessageKey"], {}, {"cloudformation": "MessageKey"})
    return {place: Node(place, kind, ACCOUNT, name), "source_key": key}, place


def resources(stage, kind, name):
    """Return the resource as AWS tells it and as the template does; keys bear the ids that AWS gave them."""
    nodes, place = pipeline(kind, name, stage.keys)
    one = Pipeline("one", nodes)
    needs = {"one": [(place, facet) for facet in KINDS[kind].facets]}
    (told,) = live.read([one], needs, stage.door)
    file = FOLDER / ("buckets.yaml" if kind == "s3.bucket" else "services.yaml")
    (written,) = cloudformation.read([one], needs, file, GIVEN)
    return told.resources[place], written.resources[place]


# What the stand-in answers otherwise than AWS does, by facet and member.
GAPS = {
    # moto puts 0 years beside days.
    ("s3.bucket", "ObjectLock", "Rule.DefaultRetention.Years"),
    # GetPolicy names another account's root.
    ("lambda.function", "Policy", "[1].Principal"),
    ("kms.key", "Description", "KeyUsage"),
    ("kms.key", "Description", "MultiRegion"),
    # PutFunctionEventInvokeConfig without a qualifier is about $LATEST, and AWS says so.
    ("lambda.function", "EventInvokeConfig", "FunctionArn"),
}


def differences(kind, facet, here, there, route=""):
    """Yield where a template's document says something else than AWS, or nothing where AWS says something."""
    if isinstance(here, Unread) or (kind, facet, route) in GAPS:
        return
    if isinstance(here, dict) and isinstance(there, dict):
        for name in {**here, **there}:
            inner = f"{route}.{name}" if route else name
            if name in here:
                yield from differences(kind, facet, here[name], there.get(name), inner)
            elif there[name] not in (None, "", [], {}) and (kind, facet, inner) not in GAPS:
                yield facet, inner, "nothing", there[name]
    elif isinstance(here, list) and isinstance(there, list) and len(here) == len(there):
        for index, (one, other) in enumerate(zip(here, there, strict=True)):
            yield from differences(kind, facet, one, other, f"{route}[{index}]")
    elif here != there:
        yield facet, route, here, there


def comparable(row, document):
    """Return a document in its normal form, without the ids that S3 makes up for notifications."""
    if row.name == "FailureAlarms":
        return [alarm for alarm in document if not isinstance(alarm, Unread)]
    if row.name != "Notification":
        return row.normal(document)
    lists = {name: [{**one, "Id": ""} for one in part] for name, part in document.items() if isinstance(part, list)}
    return row.normal({**document, **lists})


@pytest.mark.parametrize(("kind", "name"), ROWS, ids=[name for _, name in ROWS])
def test_a_template_says_what_aws_answers(stage, kind, name):
    told, written = resources(stage, kind, name)
    found = []
    for facet, row in KINDS[kind].facets.items():
        if facet in written.unread:
            continue
        assert facet not in told.unread, (facet, told.unread)
        here, there = written.facets[facet], told.facets[facet]
        assert document_problem(kind, facet, here) is None
        assert kind == "sns.topic" or (here is None) == (there is None)
        found += differences(kind, facet, comparable(row, here), comparable(row, there))
    assert found == []


def test_what_no_template_knows_is_unread(stage):
    for kind, name in ROWS:
        _, written = resources(stage, kind, name)
        assert set(written.unread) - {"FailureAlarms", "Plan"} - ORGANISATION == UNKNOWN.get(kind, set())
