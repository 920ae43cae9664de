"""`auditor init`: what is found is declared with its reasons, what is refused is said, and what a person wrote stays."""

from __future__ import annotations

import json

import boto3
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.cli import main
from auditor.fleet.discovery_file import comment, quoted, written
from auditor.fleet.discovery_found import Discovery, FoundNode, FoundPipeline, named
from auditor.fleet.discovery_merge import merged
from auditor.model import Account
from auditor.pipeline import load, parse
from auditor.standin import serve
from auditor.standin.pipeline import Names, build_golden, build_misset
from tests.plans import stranger

NAMES = Names()
BOTH = ("--account", "production=111122223333:production", "--account", "analytics=444455556666:analytics")
PLACES = {
    "table": ("production", "my-table"),
    "exporter": ("production", "export-job"),
    "source_bucket": ("production", "orders-export"),
    "consumer": ("production", "on-export"),
    "replication_role": ("production", "replication-source-role"),
    "destination_bucket": ("analytics", "orders-analytics"),
}


@pytest.fixture(scope="module")
def server():
    with serve(isolated=True) as running:
        yield running


@pytest.fixture
def clients(server):
    server.reset()
    made = []

    def client(service, account=NAMES.production, region=NAMES.region):
        keys = {"aws_access_key_id": account, "aws_secret_access_key": "x"}
        made.append(boto3.client(service, region_name=region, endpoint_url=server.url, **keys))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def profiles(server, tmp_path, monkeypatch):
    config = tmp_path / "aws-config"
    config.write_text(
        "".join(
            f"[{head}]\naws_access_key_id = {key}\naws_secret_access_key = x\n"
            f"region = {NAMES.region}\nendpoint_url = {server.url}\n"
            for head, key in (
                ("default", NAMES.production),
                ("profile production", NAMES.production),
                ("profile analytics", NAMES.analytics),
            )
        )
    )
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.fixture
def golden(clients, profiles):
    build_golden(clients)
    return clients


@pytest.fixture
def auditor(capsys):
    """Run the command line; return its exit code, standard output and standard error."""

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        return left.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def file(tmp_path):
    return tmp_path / "pipeline.yaml"


def places(pipeline):
    return {name: (node.account.name, node.id) for name, node in pipeline.nodes.items()}


def denied(operation, service=".*", **more):
    return {"service": service, "operation": operation, "status": 403, "code": "AccessDenied", "message": "No.", **more}


def test_a_pipeline_of_two_accounts_is_found_whole_and_its_audit_is_clean(golden, auditor, file):
    code, out, err = auditor("init", *BOTH, "-o", file)
    assert (code, out) == (0, "")
    assert "1 found (my-table)" in err
    [pipeline] = load([file])
    assert places(pipeline) == PLACES
    assert pipeline.nodes["source_bucket"].settings["prefix"] == "exports/"
    assert pipeline.intent == {
        "wake_on": "exports",
        "delete_markers": "replicate",
        "replication_time_control": "required",
        "recovery_period_days": 35,
    }
    assert "# inferred from: the newest export" in file.read_text()
    assert auditor("audit", file, "--quiet")[0] == 0


def test_the_same_accounts_give_the_same_file(golden, auditor, tmp_path):
    for name in "ab":
        assert auditor("init", *BOTH, "-o", tmp_path / name)[0] == 0
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text()


def test_a_mis_set_pipeline_is_found_too_and_its_mistakes_are_not_taken_for_wishes(clients, profiles, auditor, file):
    build_misset(clients)
    assert auditor("init", *BOTH, "-o", file)[0] == 0
    [pipeline] = load([file])
    assert places(pipeline) == PLACES
    assert pipeline.intent == {"wake_on": "exports", "replication_time_control": "required"}
    text = file.read_text()
    assert "# delete_markers: replicate  # or keep" in text
    assert "# recovery_period_days: 35  # point-in-time recovery is off today" in text
    assert "no export was seen" in text
    assert auditor("audit", file, "--quiet")[0] == 1


def test_without_accounts_it_is_the_environments_own_and_what_lies_elsewhere_is_said(golden, auditor, file):
    assert auditor("init", "-o", file)[0] == 0
    [pipeline] = load([file])
    assert set(pipeline.nodes) == set(PLACES) - {"destination_bucket"}
    assert {node.account.name for node in pipeline.nodes.values()} == {"main"}
    assert "# destination_bucket orders-analytics lies in" in file.read_text()


def test_the_account_that_the_rule_names_is_proposed(golden, auditor, file):
    s3 = golden("s3")
    rule = s3.get_bucket_replication(Bucket=NAMES.source)["ReplicationConfiguration"]
    rule["Rules"][0]["Destination"] |= {
        "Account": NAMES.analytics,
        "AccessControlTranslation": {"Owner": "Destination"},
    }
    s3.put_bucket_replication(Bucket=NAMES.source, ReplicationConfiguration=rule)
    assert auditor("init", "-o", file)[0] == 0
    assert f"lies in account {NAMES.analytics}: run again with --account NAME={NAMES.analytics}" in file.read_text()


@pytest.mark.parametrize(
    ("operation", "service", "needs", "lost"),
    [
        ("ListExports", "dynamodb", "dynamodb:ListExports", set()),
        ("GetAccountAuthorizationDetails", "iam", "iam:GetAccountAuthorizationDetails", {"exporter"}),
        ("GetBucketNotificationConfiguration", "s3", "s3:GetBucketNotification", {"consumer"}),
        (
            "GetBucketReplication",
            "s3",
            "s3:GetReplicationConfiguration",
            {"replication_role", "destination_bucket"},
        ),
        ("DescribeContinuousBackups", "dynamodb", "dynamodb:DescribeContinuousBackups", set()),
    ],
)
def test_a_refused_read_is_a_remark_with_the_permission(golden, server, auditor, file, operation, service, needs, lost):
    server.faults([denied(operation, service)])
    code, _, err = auditor("init", *BOTH, "-o", file)
    assert code == 0
    [pipeline] = load([file])
    assert set(pipeline.nodes) == set(PLACES) - lost
    remarks = [line for line in file.read_text().splitlines() if line.startswith("# could not read")]
    assert any(line.endswith(f"needs {needs}") for line in remarks)
    assert f"needs {needs}." in err


def test_refused_buckets_leave_nothing_to_declare_and_the_sentence_says_why(golden, server, auditor, file):
    server.faults([denied("ListBuckets"), denied("ListExports")])
    code, out, err = auditor("init", *BOTH, "-o", file)
    assert (code, out) == (2, "")
    assert "No pipeline was found in production (111122223333), analytics (444455556666)" in err
    assert "needs s3:ListAllMyBuckets" in err
    assert not file.exists()


def test_an_account_with_nothing_in_it_is_said_and_no_file_is_written(clients, profiles, auditor, file):
    code, _, err = auditor("init", "-o", file)
    assert code == 2
    assert err.startswith("No pipeline was found in main (111122223333)")
    assert not file.exists()


def test_credentials_of_another_account_are_never_used(golden, auditor, file):
    code, _, err = auditor("init", "--account", "production=999999999999:production", "-o", file)
    assert code == 2
    assert "are those of 111122223333, not of 999999999999" in err


def test_a_consumer_behind_eventbridge_is_the_rule_that_names_the_bucket(golden, auditor, file):
    bucket = {"detail": {"bucket": {"name": [NAMES.source]}}, "source": ["aws.s3"], "detail-type": ["Object Created"]}
    for name, pattern in (
        ("archive", {"source": ["aws.s3"]}),
        ("of-exports", bucket),
        ("of-another", {**bucket, "detail": {"bucket": {"name": ["other"]}}}),
    ):
        golden("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    golden("s3").put_bucket_notification_configuration(
        Bucket=NAMES.source, NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    assert auditor("init", *BOTH, "-o", file)[0] == 0
    assert load([file])[0].nodes["consumer"].kind == "events.rule"
    assert load([file])[0].nodes["consumer"].id == "of-exports"


def test_the_key_of_the_bucket_is_declared(golden, auditor, file):
    key = golden("kms").create_key()["KeyMetadata"]["Arn"]
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
    golden("s3").put_bucket_encryption(Bucket=NAMES.source, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert auditor("init", *BOTH, "-o", file)[0] == 0
    assert load([file])[0].nodes["source_key"].id == key


def test_two_roles_that_may_export_are_named_and_none_is_chosen(golden, auditor, file):
    iam = golden("iam")
    said = iam.get_role_policy(RoleName=NAMES.exporter, PolicyName="pipeline")["PolicyDocument"]
    trust = iam.get_role(RoleName=NAMES.exporter)["Role"]["AssumeRolePolicyDocument"]
    iam.create_role(RoleName="another", AssumeRolePolicyDocument=json.dumps(trust))
    iam.put_role_policy(RoleName="another", PolicyName="p", PolicyDocument=json.dumps(said))
    assert auditor("init", *BOTH, "-o", file)[0] == 0
    assert "exporter" not in load([file])[0].nodes
    assert "# several roles may export: another, export-job" in file.read_text()


def test_an_existing_file_is_not_overwritten(golden, server, auditor, file):
    file.write_text("mine\n")
    server.clear()
    code, _, err = auditor("init", "-o", file)
    assert code == 2
    assert "exists already" in err
    assert file.read_text() == "mine\n"
    assert server.calls() == []


KEPT = """\
# ours
version: 1   # of the format
accounts:
    prod:  {id: "111122223333", region: ap-northeast-1, profile: production}   # the shop
    lake:
        id: "444455556666"
        region: ap-northeast-1
        profile: analytics
pipelines:
    # the orders
    orders:
        source_bucket:   {account: prod, name: orders-export, prefix: exports}   # never rename
        table:
            account: prod
            name: my-table   # of the shop

        # end of the orders
waivers:
  - {rule: access-logging, reason: 'trail', owner: us, until: "2099-01-01"}
"""


def test_merging_adds_nodes_and_changes_no_line_that_is_there(golden, auditor, file):
    file.write_text(KEPT)
    assert auditor("init", "--merge", "-o", file)[0] == 0
    after = file.read_text()
    assert [line for line in after.splitlines() if line in KEPT.splitlines()] == KEPT.splitlines()
    [pipeline] = load([file])
    assert pipeline.name == "orders"
    renamed = {"production": "prod", "analytics": "lake"}
    assert places(pipeline) == {name: (renamed[account], one) for name, (account, one) in PLACES.items()}
    assert auditor("init", "--merge", "-o", file)[0] == 0
    assert file.read_text() == after


def test_merging_what_is_known_leaves_every_byte(golden, auditor, file):
    assert auditor("init", *BOTH, "-o", file)[0] == 0
    content = b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n") + b"# the end"
    file.write_bytes(content)
    before = file.stat().st_mtime_ns
    code, _, err = auditor("init", "--merge", "-o", file)
    assert (code, "nothing is new" in err) == (0, True)
    assert (file.read_bytes(), file.stat().st_mtime_ns) == (content, before)


FOUND = Discovery(
    (Account("a", "111122223333", "eu-west-1"), Account("b", "444455556666", "eu-west-1")),
    (
        FoundPipeline(
            "t",
            {
                "table": FoundNode({"account": "a", "name": "old"}, "x"),
                "source_bucket": FoundNode({"account": "a", "name": "old-bucket"}, "x"),
                "destination_bucket": FoundNode({"account": "b", "name": "new-bucket"}, "x"),
            },
        ),
        FoundPipeline("orders", {"table": FoundNode({"account": "b", "name": "orders"}, "x")}),
    ),
)
MINE = "version: 1\naccounts:\n  b: {id: '111122223333', region: eu-west-1}\n"


@pytest.mark.parametrize(
    "text",
    [
        MINE
        + "pipelines:\n  orders: {table: {account: b, name: old}, source_bucket: {account: b, name: old-bucket}}\n",
        MINE + "pipelines:\n  orders:\n    source_bucket:\n      account: b\n      name: >-\n        old-bucket\n",
        MINE + "pipelines:\n  orders:\n    source_bucket: {account: b, name: old-bucket}",
        "pipelines:\n  orders:\n    source_bucket: {account: b, name: old-bucket}  # last\n\n# then\n" + MINE,
        MINE.replace("\n", "\r\n") + "pipelines:\r\n  orders:\r\n    table: {account: b, name: old}\r\n",
        MINE
        + "pipelines:\n  first:\n    table: &t {account: b, name: older}\n    source_bucket: &s {account: b, name: old-bucket}\n"
        + "  orders:\n    table: {account: b, name: old}\n    source_bucket: *s\n",
    ],
)
def test_whatever_the_files_style_only_what_is_missing_is_put_in(text):
    after = merged(text, "pipeline.yaml", FOUND)
    old = {one.name: one for one in parse(text, "pipeline.yaml")}
    new = {one.name: one for one in parse(after, "pipeline.yaml")}
    assert set(new) == {*old, "orders-2"}
    # The name `b` is taken by another account in this file.
    assert places(new["orders"])["destination_bucket"] == ("b-2", "new-bucket")
    assert places(new["orders"])["source_bucket"] == ("b", "old-bucket")
    assert places(new["orders-2"]) == {"table": ("b-2", "orders")}
    for name in set(old) - {"orders"}:
        assert places(new[name]) == places(old[name])
    rest = iter(after)
    assert all(character in rest for character in text), "what stood there stands there, in its order"
    assert merged(after, "pipeline.yaml", FOUND) == after


def test_a_mapping_in_braces_is_left_to_its_owner():
    from auditor.errors import UsageError

    text = MINE + "pipelines: {mine: {table: {account: b, name: old-one}}}\n"
    with pytest.raises(UsageError, match="line 4 is written in braces"):
        merged(text, "pipeline.yaml", FOUND)


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(
    TEXTS | st.sampled_from(["yes", "null", "1e3", "0x1F", "a: b", "*x", "- a", "#", "2024-01-01", "\u2028", "\x85"])
)
def test_any_text_survives_as_a_yaml_string(text):
    assert yaml.safe_load(f"[{quoted(text)}]") == [text]
    assert yaml.safe_load(f"a: 1  # {comment(text)}\nb: 2\n") == {"a": 1, "b": 2}


@settings(deadline=None, max_examples=50)
@given(TEXTS, TEXTS, TEXTS)
def test_hostile_names_make_no_other_file(table, prefix, name):
    nodes = {
        "table": FoundNode({"account": "a", "name": table}, prefix),
        "source_bucket": FoundNode({"account": "a", "name": "bucket", "prefix": prefix}, name),
        "consumer": FoundNode({"account": "a", "lambda": "f"}),
    }
    found = Discovery(FOUND.accounts, named([FoundPipeline(name, nodes, (), (table,))]), (prefix,), (name,))
    [pipeline] = parse(written(found), "pipeline.yaml")
    assert "consumer" in pipeline.nodes
    assert set(pipeline.nodes) <= set(nodes)


TEMPLATE = """\
Resources:
  Exports:
    Type: AWS::S3::Bucket
    Properties:
      ReplicationConfiguration:
        Role: arn:aws:iam::111122223333:role/replication
        Rules:
          - {Status: Enabled, Prefix: exports/, Destination: {Bucket: "arn:aws:s3:::elsewhere", Account: "444455556666"}}
"""


def test_a_template_is_proposed_without_asking_aws(tmp_path, auditor, file, server):
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    words = ("--region", "eu-west-1", "--account", "shop=111122223333", "--account", "lake=444455556666")
    server.clear()
    assert auditor("init", *words, "--source", f"cloudformation:{tmp_path / 'template.yaml'}", "-o", file)[0] == 0
    [pipeline] = load([file])
    assert places(pipeline) == {
        "source_bucket": ("shop", ""),
        "replication_role": ("shop", "replication"),
        "destination_bucket": ("lake", "elsewhere"),
    }
    assert pipeline.nodes["source_bucket"].addresses == {"cloudformation": "Exports"}
    assert server.calls() == []


def test_every_account_of_the_organization_is_looked_at(golden, auditor, file, clients):
    organizations = clients("organizations")
    organizations.create_organization(FeatureSet="ALL")
    made = organizations.create_account(AccountName="The Lake", Email="lake@example.com")["CreateAccountStatus"]
    clients("s3", made["AccountId"]).create_bucket(
        Bucket="lake-of-orders", CreateBucketConfiguration={"LocationConstraint": NAMES.region}
    )
    trust = {"Effect": "Allow", "Principal": {"AWS": NAMES.production}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": trust})
    clients("iam", made["AccountId"]).create_role(RoleName="reader", AssumeRolePolicyDocument=document)
    s3 = golden("s3")
    rule = s3.get_bucket_replication(Bucket=NAMES.source)["ReplicationConfiguration"]
    golden("s3", made["AccountId"]).put_bucket_versioning(
        Bucket="lake-of-orders", VersioningConfiguration={"Status": "Enabled"}
    )
    rule["Rules"][0]["Destination"]["Bucket"] = "arn:aws:s3:::lake-of-orders"
    s3.put_bucket_replication(Bucket=NAMES.source, ReplicationConfiguration=rule)
    assert auditor("init", "--organization", "--role-name", "reader", "-o", file)[0] == 0
    node = load([file])[0].nodes["destination_bucket"]
    assert (node.id, node.account.name, node.account.id) == ("lake-of-orders", "The-Lake", made["AccountId"])
    assert node.account.assume_role == f"arn:aws:iam::{made['AccountId']}:role/reader"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--account", "x"], "an account is NAME=ID"),
        (["--account", "x=111122223333:arn:aws:iam::444455556666:role/r"], "does not lie in account 111122223333"),
        (["--account", "x=111122223333", "--account", "x=444455556666"], "two accounts have this name"),
        (["--region", "tokyo"], "there is no such Region"),
        (["--organization"], "belong together"),
        (["--source", "pulumi:x"], "no such source to discover from"),
    ],
)
def test_wrong_words_get_a_sentence(profiles, auditor, file, words, sentence):
    code, _, err = auditor("init", *words, "-o", file)
    assert (code, sentence in err) == (2, True), err


CONDITIONED = """\
Parameters: {Target: {Type: String, Default: ""}}
Conditions: {Copied: !Not [!Equals [!Ref Target, ""]]}
Resources:
  Exports:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: orders-export
      ReplicationConfiguration: !If
        - Copied
        - Role: arn:aws:iam::111122223333:role/replication
          Rules: [{Status: Enabled, Prefix: exports/, Destination: {Bucket: !Sub "arn:aws:s3:::${Target}", Account: "444455556666"}}]
        - !Ref AWS::NoValue
"""


def test_a_template_is_proposed_with_its_parameters_and_in_japanese(tmp_path, auditor, file):
    template, given = tmp_path / "template.yaml", tmp_path / "given.json"
    template.write_text(CONDITIONED)
    given.write_text('{"Target": "elsewhere"}')
    words = [
        "--account",
        "shop=111122223333",
        "--region",
        "eu-west-1",
        "--source",
        f"cloudformation:{template}",
        "-o",
        file,
    ]
    assert auditor("init", *words)[0] == 2
    assert auditor("init", *words, "--parameter", "Target", "--lang", "en")[0] == 2
    code, _, err = auditor("init", *words, "--parameter-file", given, "--lang", "ja")
    assert (code, "1 件見つかりました" in err, "の参照" in file.read_text()) == (0, True, True)
    [pipeline] = load([file])
    # The account that only the template tells is declared by its number.
    assert places(pipeline)["destination_bucket"] == ("444455556666", "elsewhere")


def test_a_plan_is_proposed_with_the_regions_that_it_tells(tmp_path, auditor, file):
    plan = tmp_path / "plan.json"
    buckets = {"aws_s3_bucket.a": {"bucket": "orders-export", "region": "eu-west-1"}}
    buckets["aws_s3_bucket.b"] = {"bucket": "orders-analytics", "region": "us-west-2"}
    rule = {"id": "all", "status": "Enabled", "filter": [{"prefix": ""}]}
    rule["destination"] = [{"bucket": "arn:aws:s3:::orders-analytics"}]
    role = "arn:aws:iam::111122223333:role/replication"
    made = {
        **buckets,
        "aws_s3_bucket_replication_configuration.a": {"bucket": "orders-export", "role": role, "rule": [rule]},
    }
    plan.write_text(json.dumps(stranger.plan({"made": made})))
    words = ["--account", "shop=111122223333", "--region", "eu-west-1", "--source", f"terraform:{plan}", "-o", file]
    assert auditor("init", *words)[0] == 0
    [pipeline] = load([file])
    assert {name: node.settings.get("region") for name, node in pipeline.nodes.items()} == {
        "source_bucket": None,
        "destination_bucket": "us-west-2",
        "replication_role": None,
    }
