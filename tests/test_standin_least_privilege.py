"""The policy that `auditor permissions` prints is enough for an audit, and every action in it that is used is needed."""

import json
import time

import boto3
import pytest

from auditor.cli import main
from auditor.demo import PIPELINE
from auditor.standin import serve
from auditor.standin.actions import action_of
from auditor.standin.pipeline import Names, build_golden

NAMES = Names()
# Of a correct pipeline these change no verdict: what they would tell is decided by something else that was read.
NOT_DECISIVE = {
    "cloudwatch:DescribeAlarms",  # a queue hears of failed replication already
    "s3:GetAccountPublicAccessBlock",  # the buckets block public access themselves
    "organizations:DescribeOrganization",  # organisation policies are considered where they may be read
    "s3:GetBucketAcl",  # and ignore public ACLs
    "s3:GetObject",  # this pipeline has no intent for existing objects
    "s3:ListBucketVersions",
    "s3:ListJobs",
}
ACCOUNTS = {"production": NAMES.production, "analytics": NAMES.analytics}


@pytest.fixture(scope="module")
def standin():
    with serve() as server:
        yield server


@pytest.fixture
def clients(standin):
    standin.reset()
    made = []

    def client(service, account, region=NAMES.region):
        keys = {"aws_access_key_id": account, "aws_secret_access_key": "x"}
        made.append(boto3.client(service, region_name=region, endpoint_url=standin.url, **keys))
        return made[-1]

    yield client
    for each in made:
        each.close()
    standin.reset()


@pytest.fixture
def pipeline(tmp_path, clients):
    build_golden(clients)
    dynamodb = clients("dynamodb", NAMES.production)
    while dynamodb.list_exports()["ExportSummaries"][0]["ExportStatus"] == "IN_PROGRESS":
        time.sleep(0.02)
    path = tmp_path / "pipeline.yaml"
    path.write_text(PIPELINE)
    return path


@pytest.fixture
def auditor(capsys):
    """Run the command line; return its exit code, standard output and standard error."""

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        return left.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def policies(pipeline, auditor):
    """What `auditor permissions` prints, by account id."""
    return {
        account: json.loads(auditor("permissions", pipeline, "--account", account)[1]) for account in ACCOUNTS.values()
    }


@pytest.fixture
def users(standin, clients, policies, tmp_path, monkeypatch):
    """A user in each account with the printed policy, in ordinary profiles; enforcement is on."""
    lines = []
    for name, account in ACCOUNTS.items():
        iam = clients("iam", account)
        iam.create_user(UserName="auditor")
        keys = iam.create_access_key(UserName="auditor")["AccessKey"]
        iam.create_policy(PolicyName="auditor", PolicyDocument=json.dumps(policies[account]))
        iam.attach_user_policy(UserName="auditor", PolicyArn=f"arn:aws:iam::{account}:policy/auditor")
        lines += [
            f"[profile {name}]",
            f"aws_access_key_id = {keys['AccessKeyId']}",
            f"aws_secret_access_key = {keys['SecretAccessKey']}",
            f"region = {NAMES.region}",
            f"endpoint_url = {standin.url}",
        ]
    config = tmp_path / "config"
    config.write_text("\n".join(lines))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    standin.options(enforce=True)
    standin.clear()


def test_the_printed_policy_is_enough(auditor, pipeline, users, standin):
    code, out, err = auditor("audit", pipeline)
    assert code == 0, out + err
    assert " 0 unknown" in out
    assert [call for call in standin.calls() if call["status"] == 403] == []


def test_an_audit_writes_nothing(auditor, pipeline, users, standin):
    assert auditor("audit", pipeline)[0] == 0
    writes = ("Put", "Update", "Delete", "Create", "Add", "Set", "Attach", "Enable")
    assert [call for call in standin.calls() if call["operation"].startswith(writes)] == []


@pytest.mark.slow
def test_each_action_that_is_used_is_needed(auditor, pipeline, users, standin, clients):
    auditor("audit", pipeline)
    used = {action_of(call["service"], call["operation"]) for call in standin.calls()} - {"sts:GetCallerIdentity"}
    assert len(used) > 30
    silent = {}
    for action in sorted(used - NOT_DECISIVE):
        denial = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [denial]})
        for account in ACCOUNTS.values():
            user = {"UserName": "auditor", "PolicyName": "denial", "PolicyDocument": document}
            clients("iam", account).put_user_policy(**user)
        code, out, _ = auditor("audit", pipeline)
        if code != 3 or action not in out:
            silent[action] = code
    assert silent == {}
