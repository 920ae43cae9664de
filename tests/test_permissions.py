"""The printed policies are enough, nothing in them is too much, and they are what Terraform and CloudFormation take."""

import functools
import io
import json
from dataclasses import replace

import pytest
import yaml

from auditor.aws import Aws
from auditor.cli import main
from auditor.model import Safety, Verdict
from auditor.permissions import Permission, as_cloudformation, as_terraform, parts, policies
from auditor.pipeline import load
from auditor.remedy import Patience, State, apply, begin, draft, reopen, rollback, runs
from auditor.run import Settings, audit, judged
from auditor.scope import first_unread
from auditor.standin.actions import action_of
from auditor.standin.dump import dump
from tests.faults.changes import changes
from tests.faults.matrix import BY_ID, FAULTS, RULES, Entry
from tests.faults.world import ACCOUNTS, PROFILES, REGION, served

QUICK = Patience(looks=(0, 0.01, 0.01), tries=(0.01, 0.01))
WORDS = {name: schema for rule in RULES for name, schema in rule.parameters.items()}
EVERYTHING = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:*", "kms:*"], "Resource": "*"}]}
JOB = {
    "AccountId": "111122223333",
    "ConfirmationRequired": True,
    "Operation": {"S3ReplicateObject": {}},
    "Report": {"Enabled": False},
    "ClientRequestToken": "a-token",
    "ManifestGenerator": {
        "S3JobManifestGenerator": {
            "ExpectedBucketOwner": "111122223333",
            "SourceBucket": "arn:aws:s3:::orders-export",
            "EnableManifestOutput": False,
            "Filter": {"EligibleForReplication": True},
        }
    },
    "Priority": 1,
    "RoleArn": "arn:aws:iam::111122223333:role/replication-source-role",
}
# Between them these read everything that can be read: managed policies, boundaries, keys of queues and topics, and so on.
RICH = {
    "a function, managed policies and boundaries": Entry(
        "rich",
        "test",
        {
            "exporter.AttachedPolicies": {"arn:aws:iam::111122223333:policy/export": EVERYTHING},
            "exporter.Boundary": {
                "Version": "2012-10-17",
                "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}],
            },
            "replication_role.Boundary": EVERYTHING,
        },
        live=[
            {"service": "cloudwatch", "method": "put_metric_data", "metric": {"ReplicationLatency": 60}},
            {"service": "s3control", "method": "create_job", "params": JOB},
        ],
    ),
    "keys and a catalog table": Entry("keys", "test", {}, ("kms", "catalog")),
    "a queue under a key": next(one for one in FAULTS if one.name == "the queue's key does not admit S3"),
    "a topic under a key": Entry(
        "topic",
        "test",
        {
            "consumer.Attributes": {"KmsMasterKeyId": "77777777-0000-4000-8000-000000000000"},
            "consumer.Key": {
                "KeyMetadata": {
                    "KeyId": "77777777-0000-4000-8000-000000000000",
                    "KeyManager": "CUSTOMER",
                    "KeyState": "Enabled",
                },
                "Policy": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": "arn:aws:iam::111122223333:root"},
                            "Action": "kms:*",
                            "Resource": "*",
                        }
                    ],
                },
            },
        },
        ("topic",),
    ),
    "an EventBridge rule": Entry("eventbridge", "test", {}, ("eventbridge",)),
}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("permissions")
    with served(folder) as made:
        made.config = folder / "aws"
        yield made


@pytest.fixture
def built(world, tmp_path):
    """Build an entry; return its pipelines."""

    def build(entry):
        world.server.options(enforce=False)
        world.users = {}
        world.config.write_text(PROFILES.format(url=world.server.url), encoding="utf-8")
        (tmp_path / "pipeline.yaml").write_text(world.build(entry), encoding="utf-8")
        return load([tmp_path / "pipeline.yaml"], intent=WORDS)

    return build


@pytest.fixture
def restrict(world):
    """Let the profiles be users with these policies, by account id, and enforce them; called again, change the policies."""

    def limit(documents):
        made = world.users
        for name, account in ACCOUNTS.items():
            iam = world.clients("iam", account, REGION)
            if name not in made:
                iam.create_user(UserName="auditor")
                made[name] = iam.create_access_key(UserName="auditor")["AccessKey"]
            for attached in iam.list_attached_user_policies(UserName="auditor")["AttachedPolicies"]:
                iam.detach_user_policy(UserName="auditor", PolicyArn=attached["PolicyArn"])
                iam.delete_policy(PolicyArn=attached["PolicyArn"])
            for number, part in enumerate(parts(documents[account]) if account in documents else ()):
                policy = iam.create_policy(PolicyName=f"auditor-{number}", PolicyDocument=json.dumps(part))["Policy"]
                iam.attach_user_policy(UserName="auditor", PolicyArn=policy["Arn"])
        lines = [
            f"[profile {name}]\naws_access_key_id = {key['AccessKeyId']}\naws_secret_access_key = {key['SecretAccessKey']}\n"
            f"region = {REGION}\nendpoint_url = {world.server.url}\n"
            for name, key in made.items()
        ]
        world.config.write_text("".join(lines), encoding="utf-8")
        world.server.options(enforce=True)
        world.server.clear()

    return limit


def look(listed, settings=None):
    with Aws() as aws:
        return audit(listed, RULES, settings or Settings(), aws=aws)


def said(report):
    """Return what a report says, without the moment at which it says it."""
    return [
        (one.rule, one.node, one.verdict, one.keys, [(e.route, str(e.wanted), str(e.found)) for e in one.evidence])
        for one in report.findings
    ]


def gaps(report):
    """Return the permissions for want of which something could not be read, be it a part of a facet."""
    resources = [known for snapshot in report.snapshots for known in snapshot.resources.values()]
    found = [unread for known in resources for unread in known.unread.values()]
    found += [hit[1] for known in resources for document in known.facets.values() if (hit := first_unread(document))]
    return {unread.permission for unread in found}


CONSIDERED = {"organizations:DescribeOrganization"}
"""What is read where it may be, and not asked for."""


def without(documents, account, action):
    """Return the policies without one action in one account."""
    kept = [
        {**one, "Action": [word for word in one["Action"] if word != action]}
        for one in documents[account]["Statement"]
        if one["Action"] != [action]
    ]
    return {**documents, account: {**documents[account], "Statement": kept}}


@pytest.mark.parametrize("entry", RICH.values(), ids=RICH)
def test_with_the_printed_policy_the_report_is_that_of_the_root_user(entry, built, restrict, world):
    listed = built(entry)
    whole = look(listed)
    restrict(policies(listed, RULES))
    report = look(listed)
    assert said(report) == said(whole)
    assert gaps(report) <= CONSIDERED


@pytest.mark.slow
def test_without_any_one_action_something_is_unread(built, restrict):
    tried = set()
    for entry in RICH.values():
        listed = built(entry)
        documents = policies(listed, RULES)
        for account, document in documents.items():
            for action in sorted({word for one in document["Statement"] for word in one["Action"]}):
                if (account, action) not in tried:
                    tried.add((account, action))
                    restrict(without(documents, account, action))
                    assert action in gaps(look(listed)), f"{action} in {account}, {entry.name}"
    assert len(tried) > 60


RUINS = (
    "recovery is off",
    "no deletion protection",
    "the exporter has no policy at all",
    "the source aborts no uploads",
    "nothing is blocked at the destination",
    "the source has no policy",
    "the entry is gone",
    "the function has no permission for S3",
    "versioning of the destination is suspended",
    "nothing is replicated",
    "another service in the trust policy",
    "the role has no policy",
    "the destination has the ownership of old",
)


def test_with_the_printed_policy_fixes_are_made_and_undone(built, restrict, world, tmp_path):
    ruins = [next(one for one in FAULTS if one.name == name) for name in RUINS]
    entry = Entry(
        "ruined", "test", {route: value for one in ruins for route, value in one.set.items()}, ruins[0].variants
    )
    listed = built(entry)
    settings = Settings(to_fix=True)
    documents = policies(listed, RULES, to_fix=True)
    restrict(documents)
    report = look(listed, settings)
    assert {one.rule for one in report.findings if one.verdict is Verdict.FAIL} >= {
        rule for one in ruins for rule in one.finds
    } - {"replica-ownership"}
    judge = functools.partial(judged, rules=RULES, pipelines=listed, settings=settings)
    plan = draft(report.snapshots, report.findings, RULES, safety=Safety.REVIEW, judge=judge)
    with Aws() as aws:
        with begin(plan, tmp_path) as journal:
            outcome = apply(plan, aws, journal, patience=QUICK)
        assert outcome.complete, [(one.change.title, one.state.value, one.why) for one in outcome.results]
        left = [one for one in look(listed, settings).findings if one.verdict is Verdict.FAIL]
        assert {one.rule for one in left} <= {"pitr-continuous"}
        (run,) = runs(tmp_path)
        with reopen(run) as journal:
            assert rollback(run, aws, journal, patience=QUICK).complete
    assert [call for call in world.server.calls() if call["status"] == 403] == []
    used = {action_of(call["service"], call["operation"]) for call in world.server.calls()}
    granted = {word for document in documents.values() for one in document["Statement"] for word in one["Action"]}
    reading = {
        word for document in policies(listed, RULES).values() for one in document["Statement"] for word in one["Action"]
    }
    # What this pipeline has no use for: a batch job, encryption that S3 never lacks, and the roles that are passed along.
    idle = {"s3:CreateJob", "s3:DescribeJob", "s3:UpdateJobStatus", "s3:PutEncryptionConfiguration", "iam:PassRole"}
    idle |= {"dynamodb:PutResourcePolicy", "dynamodb:DeleteResourcePolicy"}
    assert granted - reading - used <= idle


def failed(report):
    return {(one.rule, one.node) for one in report.findings if one.verdict is Verdict.FAIL}


def test_without_the_action_that_writes_a_change_is_refused_and_nothing_is_lost(built, restrict, world, tmp_path):
    ruins = [next(one for one in FAULTS if one.name == name) for name in RUINS]
    given = {route: value for one in ruins for route, value in one.set.items()}
    listed = built(Entry("ruined", "test", given, ruins[0].variants))
    documents = policies(listed, RULES, to_fix=True)
    settings = Settings(to_fix=True)
    report = look(listed, settings)
    judge = functools.partial(judged, rules=RULES, pipelines=listed, settings=settings)
    plan = draft(report.snapshots, report.findings, RULES, safety=Safety.REVIEW, judge=judge)
    before = dump(world.clients)
    tried = set()
    for number, change in enumerate(plan.changes):
        alone = replace(plan, changes=(replace(change, depends_on=()),))
        # What is refused after a first call has been made is undone: the journal knows how.
        for action in {action_of(call.service, call.operation) for call in change.do} - tried:
            tried.add(action)
            restrict(without(documents, change.target.account.id, action))
            state = tmp_path / f"{number}-{action.replace(':', '-')}"
            with Aws() as aws, begin(alone, state) as journal:
                (result,) = apply(alone, aws, journal, patience=QUICK).results
            assert result.state in ({State.REFUSED} if len(change.do) == 1 else {State.REFUSED, State.PARTLY}), action
            assert action in str(result.why), str(result.why)
            (run,) = runs(state)
            assert run.state == "incomplete"
            world.server.options(enforce=False)
            if result.state is State.PARTLY:
                with Aws() as aws, reopen(run) as journal:
                    assert rollback(run, aws, journal, patience=QUICK).complete
    assert [line for line in changes(before, dump(world.clients)) if "auditor" not in line] == []
    assert failed(look(listed, settings)) == failed(report)
    assert len(tried) >= 8


def test_a_role_may_be_passed_to_the_services_that_replicate_and_to_no_other(built):
    listed = built(RICH["an EventBridge rule"])
    statements = [one for document in policies(listed, RULES, to_fix=True).values() for one in document["Statement"]]
    passing = [one for one in statements if "iam:PassRole" in one["Action"]]
    assert {one["Condition"]["StringEquals"]["iam:PassedToService"] for one in passing} == {
        "s3.amazonaws.com",
        "batchoperations.s3.amazonaws.com",
    }
    assert all(one["Action"] == ["iam:PassRole"] for one in passing)
    assert all("replication-source-role" in resource for one in passing for resource in one["Resource"])


def test_nothing_is_granted_on_everything_that_AWS_scopes():
    listed = [one.snapshot().pipeline for one in RICH.values()]
    for document in policies(listed, RULES, to_fix=True).values():
        for statement in document["Statement"]:
            if statement["Resource"] == ["*"]:
                assert set(statement["Action"]) <= {
                    "cloudwatch:GetMetricData",
                    "cloudwatch:ListMetrics",
                    "s3:CreateJob",
                    "s3:GetAccountPublicAccessBlock",
                    "s3:ListJobs",
                }
            assert not any("*" in action for action in statement["Action"])


def test_what_a_selection_of_rules_does_not_need_is_not_asked_for():
    listed = [RICH["keys and a catalog table"].snapshot().pipeline]
    (document,) = policies(listed, [BY_ID["pitr-enabled"]]).values()
    assert document["Statement"] == [
        {
            "Effect": "Allow",
            "Action": ["dynamodb:DescribeContinuousBackups"],
            "Resource": ["arn:aws:dynamodb:ap-northeast-1:111122223333:table/my-table"],
        }
    ]


@pytest.fixture(scope="module")
def documents():
    return policies([one.snapshot().pipeline for one in RICH.values()], RULES, to_fix=True)


def test_terraform_takes_the_policies(documents):
    import hcl2

    resources = hcl2.load(io.StringIO(as_terraform(documents)))["resource"]
    assert len(resources) == len(documents)
    for resource, account in zip(resources, documents, strict=True):
        ((kind, named),) = resource.items()
        ((name, body),) = named.items()
        assert (kind.strip('"'), name.strip('"')) == ("aws_iam_policy", f"auditor_{account}")
        assert "jsonencode" in body["policy"]
        assert all(word in body["policy"] for one in documents[account]["Statement"] for word in one["Action"])


def test_cloudformation_takes_the_policies(documents, tmp_path):
    from cfnlint import api as lint

    for template, account in zip(as_cloudformation(documents).split("---\n"), documents, strict=True):
        assert [str(match) for match in lint.lint_all(template) if match.rule.id[0] in "EW"] == []
        resource = yaml.safe_load(template)["Resources"]["AuditorPolicy"]
        assert resource["Properties"]["PolicyDocument"] == documents[account]


def test_a_policy_that_is_too_large_for_IAM_comes_in_parts():
    many = [
        Permission("111122223333", action, f"arn:aws:s3:::a-bucket-with-a-long-name-{number:04}")
        for number in range(400)
        for action in ("s3:GetBucketPolicy", "s3:GetBucketVersioning")
    ]
    (document,) = policies([], [], more=many).values()
    pieces = parts(document)
    assert len(pieces) > 1
    assert all(len(json.dumps(one, separators=(",", ":"))) <= 6_144 for one in pieces)
    granted = {
        (action, resource)
        for one in pieces
        for each in one["Statement"]
        for action in each["Action"]
        for resource in each["Resource"]
    }
    assert granted == {(one.action, one.resource) for one in many}
    template = yaml.safe_load(as_cloudformation({"111122223333": document}))
    assert len(template["Resources"]) == len(pieces)
    names = [one["Properties"]["ManagedPolicyName"] for one in template["Resources"].values()]
    assert names[:2] == ["auditor", "auditor-2"]


def test_what_a_probe_needs_is_printed_on_demand(tmp_path, capsys):
    (tmp_path / "pipeline.yaml").write_text(
        "version: 1\naccounts: {p: {id: '111122223333', region: ap-northeast-1}}\n"
        "pipelines: {x: {source_bucket: {account: p, name: orders-export, prefix: exports/}}}\n",
        encoding="utf-8",
    )

    def printed(*words):
        with pytest.raises(SystemExit) as left:
            main(["permissions", str(tmp_path / "pipeline.yaml"), "--account", "p", *words])
        assert left.value.code == 0
        statements = json.loads(capsys.readouterr().out)["Statement"]
        return {(action, resource) for one in statements for action in one["Action"] for resource in one["Resource"]}

    more = printed("--probe") - printed()
    below = "arn:aws:s3:::orders-export/exports/AWSDynamoDB/_auditor-probe/*"
    wanted = {
        (f"s3:{name}", below)
        for name in ("PutObject", "AbortMultipartUpload", "DeleteObjectVersion", "GetObjectVersion")
    }
    assert more == wanted
