"""One shape, two roads: what a plan or state says of a resource is what AWS answers once it is applied."""

from __future__ import annotations

import functools
import json
from functools import partial
from types import SimpleNamespace

import boto3
import pytest

from auditor.aws import Aws
from auditor.kinds import KINDS, Call
from auditor.kinds.shapes import document_problem
from auditor.model import NODES, Account, Node, Pipeline, Unread
from auditor.sources import live, terraform
from auditor.standin import serve
from tests.plans.deploy import MAKERS, deploy
from tests.plans.world import world

REGION = "ap-northeast-1"
ACCOUNT = Account("production", "111122223333", REGION)
OPTIONS = SimpleNamespace(terraform_dir="")

ROWS = [
    *[
        ("s3.bucket", f"{name}-bucket")
        for name in ("bare", "rich", "old", "blocks", "suspended", "locked", "target", "log")
    ],
    ("dynamodb.table", "orders-prod"),
    ("dynamodb.table", "plain"),
    ("iam.role", "export-job"),
    ("iam.role", "replication"),
    ("lambda.function", "on-export"),
    ("lambda.function", "quiet"),
    ("sqs.queue", "failures"),
    ("sqs.queue", "encrypted"),
    ("sqs.queue", "ordered.fifo"),
    ("sns.topic", "herald"),
    ("sns.topic", "silent"),
    ("events.rule", "landed"),
    ("events.rule", "nightly"),
    ("kms.key", "aws_kms_key.messages"),
    ("kms.key", "aws_kms_key.plain"),
    ("glue.table", "exports/orders"),
]
"""Every resource that is compared: its kind and its name."""

# What no plan tells, and says so.
UNKNOWN = {
    "s3.bucket": {"PolicyStatus", "MultipartUploads", "ObjectSample", "ReplicationMetrics", "ReplicationJobs"},
    "dynamodb.table": {"Exports"},
    "events.rule": {"TargetPolicies"},
}
# What an organisation lays on an account is nothing that a plan of the account has.
ORGANISATION = {"ServiceControlPolicies", "ResourceControlPolicies"}
# What a plan of a bucket that is there already leaves open, unless a resource sets it.
BY_AGE = {"Acl", "PublicAccessBlock", "OwnershipControls"}

# What the stand-in answers otherwise than AWS does, by facet and member.
GAPS = {
    # moto puts 0 years beside days.
    ("s3.bucket", "ObjectLock", "Rule.DefaultRetention.Years"),
    # GetPolicy names another account's root, and moto its number.
    ("lambda.function", "Policy", "[0].Principal"),
    ("lambda.function", "Policy", "[1].Principal"),
    # PutFunctionEventInvokeConfig without a qualifier is about $LATEST, and AWS says so.
    ("lambda.function", "EventInvokeConfig", "FunctionArn"),
    # moto forgets what a key is for.
    ("kms.key", "Description", "KeyUsage"),
    ("kms.key", "Description", "MultiRegion"),
    # PutBucketReplication with a V2 rule answers the delete markers that the older block did not name.
    ("s3.bucket", "Replication", "Rules[0].DeleteMarkerReplication"),
}


def put(door, operation, **params):
    return door.ask(ACCOUNT, REGION)(Call("s3control", operation, params))


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("oracle")
    with serve() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        patch.setenv("AWS_CONFIG_FILE", str(folder / "config"))
        patch.setenv("AWS_ACCESS_KEY_ID", ACCOUNT.id)
        patch.setenv("AWS_SECRET_ACCESS_KEY", "x")
        patch.setenv("AWS_ENDPOINT_URL", server.url)
        made = []

        @functools.cache
        def client(service):
            made.append(boto3.Session(ACCOUNT.id, "x", region_name=REGION).client(service))
            return made[-1]

        stack = world()
        with Aws() as door:
            # botocore puts the account before the host of S3 Control, which 127.0.0.1 has no name for.
            control = {"s3control": SimpleNamespace(put_public_access_block=partial(put, door, "PutPublicAccessBlock"))}
            keys = deploy(stack, lambda service: control.get(service) or client(service))
        (folder / "plan.json").write_text(json.dumps(stack.plan()))
        (folder / "state.json").write_text(json.dumps(_state(stack)))
        with Aws() as door:
            yield SimpleNamespace(door=door, folder=folder, keys=keys)
        for one in made:
            one.close()


def _state(stack):
    values = stack._module_values("")
    return {"format_version": "1.0", "terraform_version": "1.11.4", "values": {"root_module": values}}


def resources(stage, kind, name, document):
    """Return the resource as AWS tells it and as Terraform's document does."""
    place = next(node for node, kinds in NODES.items() if kind in kinds)
    node = Node(place, kind, ACCOUNT, stage.keys.get(name, name))
    one = Pipeline("one", {place: node})
    needs = {"one": [(place, facet) for facet, row in KINDS[kind].facets.items() if row.calls]}
    (told,) = live.read([one], needs, stage.door)
    (written,) = terraform.read([one], needs, stage.folder / document, OPTIONS)
    return told.resources[place], written.resources[place]


def differences(kind, facet, here, there, route=""):
    """Yield where a plan's document says something else than AWS, or nothing where AWS says something."""
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
    if row.name == "FailureAlarms":
        return [alarm for alarm in document if not isinstance(alarm, Unread)]
    return row.normal(document)


@pytest.mark.parametrize("document", ["plan.json", "state.json"])
@pytest.mark.parametrize(("kind", "name"), ROWS, ids=[name for _, name in ROWS])
def test_a_plan_says_what_aws_answers(stage, kind, name, document):
    told, written = resources(stage, kind, name, document)
    found = []
    for facet, row in KINDS[kind].facets.items():
        if facet in written.unread or not row.calls:
            continue
        assert facet not in told.unread, (facet, told.unread)
        here, there = written.facets[facet], told.facets[facet]
        assert document_problem(kind, facet, here) is None
        assert kind == "sns.topic" or (here is None) == (there is None), (facet, here, there)
        found += differences(kind, facet, comparable(row, here), comparable(row, there))
    assert found == []
    open_ones = set(written.unread) - {"FailureAlarms", *ORGANISATION} - UNKNOWN.get(kind, set())
    assert open_ones <= (BY_AGE if kind == "s3.bucket" else {"Grants"} if kind == "kms.key" else set())


def test_every_type_that_is_read_is_made_here():
    from auditor.kinds.terraform import ATTACHED, KIND_OF

    made = set(MAKERS)
    missing = (set(KIND_OF) | set(ATTACHED)) - made
    assert missing == {
        "aws_dynamodb_table_replica",
        "aws_iam_role_policies_exclusive",
        "aws_iam_role_policy_attachments_exclusive",
        "aws_kms_external_key",
        "aws_kms_grant",
        "aws_kms_key_policy",
        "aws_kms_replica_external_key",
        "aws_kms_replica_key",
        "aws_lambda_alias",
        "aws_s3_bucket_acl",
    }
