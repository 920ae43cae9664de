"""What a plan says of itself: the diff, the call in one line, and the same change in other languages."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from pathlib import Path

import pytest
import yaml

from auditor.errors import Refused
from auditor.kinds import KINDS, Target
from auditor.model import Account, Safety, Text, Unread
from auditor.remedy import Change, Plan
from auditor.remedy.awscli import dashed
from auditor.remedy.escaping import json_text, shell_quoted
from auditor.remedy.show import WAYS, call_line, difference, same_as, shown

ACCOUNT = Account("production", "111122223333", "ap-northeast-1", profile="production")
SAMPLES = yaml.safe_load((Path(__file__).parent / "changes.yaml").read_text(encoding="utf-8"))


def change_of(sample, name="orders"):
    target = Target(sample["kind"], ACCOUNT, "ap-northeast-1", name)
    write = KINDS[sample["kind"]].facets[sample["facet"]].write
    do = write(target, sample["before"], sample["after"])
    return Change(
        target,
        sample["facet"],
        sample["before"],
        sample["after"],
        do,
        (),
        Safety.REVIEW,
        (("orders", "source_bucket"),),
        ("some-rule",),
        Text("It costs.", "費用がかかります。"),
        Text("It stays.", "残ります。"),
    )


CHANGES = [pytest.param(change_of(one), id=f"{one['kind']}.{one['facet']}") for one in SAMPLES]


def test_there_is_a_sample_of_every_facet_that_is_written():
    writable = {(kind.name, row.name) for kind in KINDS.values() for row in kind.facets.values() if row.write}
    assert {(one["kind"], one["facet"]) for one in SAMPLES} == writable - {("s3.bucket", "ReplicationJobs")}


@pytest.mark.parametrize("change", CHANGES)
def test_the_commands_say_exactly_what_the_calls_do(change):
    import botocore.session
    from botocore import xform_name

    session = botocore.session.get_session()
    lines = same_as(change)["cli"].split("\n")
    assert len(lines) == len(change.do)
    for line, call in zip(lines, change.do, strict=True):
        service = session.get_service_model(call.service)
        model = service.operation_model(call.operation)
        words = shlex.split(line)
        assert words[:3] == ["aws", {"s3": "s3api"}.get(call.service, call.service), xform_name(call.operation, "-")]
        members = {xform_name(name, "-"): (name, shape) for name, shape in model.input_shape.members.items()}
        said = {}
        for option, *values in _options(words[3:]):
            if option in {"region", "profile"}:
                continue
            name, shape = members[option]
            kind = shape.type_name
            said[name] = (
                True
                if kind == "boolean"
                else json.loads(values[0])
                if kind in {"structure", "map", "list"}
                else int(values[0])
                if kind == "integer"
                else values[0]
            )
        assert said == dict(call.params)


def _options(words):
    found = []
    for word in words:
        if word.startswith("--"):
            found.append([word[2:]])
        else:
            found[-1].append(word)
    return found


@pytest.mark.parametrize("change", CHANGES)
def test_cloudformation_is_yaml_that_holds_the_new_document(change):
    text = same_as(change)["cloudformation"]
    assert not re.search(r"[&*]id\d", text), "CloudFormation takes no aliases"
    resources = yaml.safe_load(text)["Resources"]
    assert all(set(one) == {"Type", "Properties"} for one in resources.values())
    if "Policy" in change.facet or change.facet == "Trust":
        documents = [
            value for one in resources.values() for value in one["Properties"].values() if isinstance(value, dict)
        ]
        if change.facet == "InlinePolicies":
            assert documents == [change.after["auditor-a"], change.after["auditor-b"]]
        elif change.target.kind == "dynamodb.table":
            assert documents == [{"PolicyDocument": change.after}]
        elif change.target.kind != "lambda.function":
            assert documents == [change.after]


@pytest.mark.parametrize("change", [one for one in CHANGES if one.values[0].target.kind == "s3.bucket"])
def test_the_cloudformation_source_reads_the_new_document_back(change, tmp_path):
    from auditor.model import Node, Pipeline
    from auditor.remedy.change import same
    from auditor.run import Settings
    from auditor.sources import cloudformation

    if change.facet == "Policy":
        bucket = {"Orders2": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "orders"}}}
    else:
        bucket = {}
    template = yaml.safe_load(same_as(change)["cloudformation"])
    template["Resources"] |= bucket
    (tmp_path / "template.yaml").write_text(yaml.safe_dump(template, sort_keys=False))
    node = Node("source_bucket", "s3.bucket", ACCOUNT, "orders")
    made = Pipeline("p", {"source_bucket": node}, {"production": ACCOUNT})
    needs = {"p": {("source_bucket", change.facet)}}
    (snapshot,) = cloudformation.read((made,), needs, tmp_path / "template.yaml", Settings())
    read = snapshot.resources["source_bucket"]
    assert not read.unread
    wanted = change.after
    if change.facet == "Notification":
        wanted = json.loads(json.dumps(wanted))
        entry = wanted["LambdaFunctionConfigurations"].pop()
        wanted["LambdaFunctionConfigurations"] = [{**entry, "Events": [event]} for event in entry["Events"]]
        for found in (wanted, read.facets["Notification"]):
            for key in ("LambdaFunctionConfigurations", "QueueConfigurations", "TopicConfigurations"):
                for one in found[key]:
                    one.pop("Id", None)
    assert same(change.row, _read(read.facets[change.facet]), wanted)


def _read(value):
    """A document without the parts that only AWS itself can tell."""
    if isinstance(value, dict):
        return {key: _read(part) for key, part in value.items() if not isinstance(part, Unread)}
    return [_read(part) for part in value] if isinstance(value, list) else value


def test_cloudformation_spells_lifecycle_notification_and_replication_its_own_way():
    found = {
        one.values[0].facet: yaml.safe_load(same_as(one.values[0])["cloudformation"])["Resources"]
        for one in CHANGES[:4]
    }
    (lifecycle,) = [one["Properties"]["LifecycleConfiguration"] for one in found["Lifecycle"].values()]
    assert lifecycle["TransitionDefaultMinimumObjectSize"] == "varies_by_storage_class"
    assert lifecycle["Rules"][1] == {
        "Id": "full",
        "Status": "Enabled",
        "Prefix": "logs/",
        "TagFilters": [{"Key": "k", "Value": "v"}],
        "ObjectSizeGreaterThan": "100",
        "ObjectSizeLessThan": "1000",
        "ExpirationInDays": 400,
        "NoncurrentVersionExpiration": {"NoncurrentDays": 30, "NewerNoncurrentVersions": 3},
        "Transitions": [
            {"TransitionInDays": 30, "StorageClass": "STANDARD_IA"},
            {"TransitionInDays": 90, "StorageClass": "GLACIER"},
        ],
        "NoncurrentVersionTransitions": [{"TransitionInDays": 30, "StorageClass": "STANDARD_IA"}],
    }
    (notification,) = [one["Properties"]["NotificationConfiguration"] for one in found["Notification"].values()]
    assert [one["Event"] for one in notification["LambdaConfigurations"]] == [
        "s3:ObjectCreated:Put",
        "s3:ObjectCreated:CompleteMultipartUpload",
    ]
    assert notification["LambdaConfigurations"][0]["Filter"]["S3Key"]["Rules"][0] == {
        "Name": "prefix",
        "Value": "exports/",
    }
    assert notification["EventBridgeConfiguration"] == {"EventBridgeEnabled": True}
    (replication,) = [one["Properties"]["ReplicationConfiguration"] for one in found["Replication"].values()]
    assert replication["Rules"][1]["Filter"]["And"]["TagFilters"] == [{"Key": "k", "Value": "v"}]
    assert replication["Rules"][1]["Id"] == "full"


@pytest.mark.parametrize("change", CHANGES)
def test_terraform_is_balanced_and_names_the_resource(change):
    text = same_as(change)["terraform"]
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', text)
    assert bare.count("{") == bare.count("}") and bare.count("[") == bare.count("]")
    assert text.startswith('resource "aws_')
    assert not re.search(r"(?<!\$)\$\{|(?<!%)%\{", text), "a literal ${ is escaped"


def test_terraform_spells_what_it_spells_differently():
    found = {one.values[0].facet: same_as(one.values[0])["terraform"] for one in CHANGES}
    assert "filter {}" in found["Replication"]
    assert "replica_kms_key_id" in found["Replication"]
    assert re.search(r'tags = \{\n\s+k = "v"', found["Replication"])
    assert "newer_noncurrent_versions = 3" in found["Lifecycle"]
    assert found["Lifecycle"].count("  transition {") == 2
    assert re.search(r'filter_prefix\s+= "exports/"', found["Notification"])
    assert re.search(r"eventbridge\s+= true", found["Notification"])
    assert "point_in_time_recovery {" in found["ContinuousBackups"]


def test_what_no_template_can_say_is_said():
    target = Target("s3.bucket", ACCOUNT, "ap-northeast-1", "orders")
    change = Change(
        target, "ReplicationJobs", {}, {"Jobs": []}, (), (), Safety.REVIEW, (("p", "source_bucket"),), ("r",)
    )
    assert same_as(change)["terraform"] == "# Terraform has no resource for ReplicationJobs."
    assert same_as(change)["cloudformation"] == "# CloudFormation has no resource for ReplicationJobs."


def test_the_diff_has_only_what_changes_and_three_lines_around():
    before = {"A": 1, **{f"K{i}": i for i in range(20)}, "Status": "Suspended"}
    lines = difference(before, {**before, "Status": "Enabled"})
    assert lines == [
        "@@ -20,5 +20,5 @@",
        '   "K17": 17,',
        '   "K18": 18,',
        '   "K19": 19,',
        '-  "Status": "Suspended"',
        '+  "Status": "Enabled"',
        " }",
    ]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_the_plan_says_what_happens_what_it_costs_and_what_cannot_be_undone(lang):
    changes = tuple(param.values[0] for param in CHANGES)
    text = shown(Plan(changes), lang=lang)
    for change in changes:
        assert change.title in text
        assert all(call_line(call) in text for call in change.do)
    assert text.count({"en": "It costs.", "ja": "費用がかかります。"}[lang]) == len(changes)
    assert text.count({"en": "It stays.", "ja": "残ります。"}[lang]) == len(changes)
    assert all(word in text for word in ("AWS CLI:", "Terraform:", "CloudFormation:"))
    assert "\x1b" not in text
    assert len(shown(Plan(changes), lang=lang, ways=()).split("\n")) < len(text.split("\n"))


def test_colour_marks_the_diff_and_nothing_else():
    (change,) = [one.values[0] for one in CHANGES if one.values[0].facet == "Versioning"]
    lines = shown(Plan((change,)), colour=True).split("\n")
    assert '\x1b[32m  +  "Status": "Enabled"\x1b[0m' in lines
    assert "\x1b[31m  -{}\x1b[0m" in lines
    assert not any("\x1b" in line for line in lines if "aws s3api" in line)


EVIL = "a\x1b[31mb\u202ec\x00d'$(touch x)`\U000e0001\ud800"


def test_nothing_in_a_plan_can_steer_the_terminal():
    for sample in SAMPLES:
        text = (
            json.dumps(sample["after"]).replace("exports/", "EVIL").replace('"A"', '"EVIL"').replace("orders", "EVIL")
        )
        evil = json.loads(text.replace("EVIL", json.dumps(EVIL)[1:-1]))
        before = {} if sample["before"] is None and sample["kind"] != "lambda.function" else sample["before"]
        try:
            change = change_of({**sample, "before": before, "after": evil}, name="or\x1bders")
        except Refused:
            continue
        for colour in (False, True):
            out = shown(Plan((change,)), colour=colour)
            bare = re.sub(r"\x1b\[\d+m", "", out) if colour else out
            assert not set(bare) & {"\x1b", "\u202e", "\x00", "\U000e0001", "\ud800"}


def test_escaped_text_still_means_the_same():
    evil = EVIL.replace("\ud800", "")
    assert json.loads(json_text({"a": evil})) == {"a": evil}
    for text in ("plain", "two words", "it's", "$(rm)", "", "日本語"):
        assert shlex.split(shell_quoted(text)) == [text]
    steering = evil.replace("\x00", "")
    made = subprocess.run(
        ["bash", "-c", f"printf %s {shell_quoted(steering)}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8"},
    )
    assert made.stdout.decode() == steering


def test_names_are_dashed_as_botocore_does():
    from botocore import xform_name

    names = {call.operation for param in CHANGES for call in param.values[0].do} | {
        "SSEAlgorithm",
        "PutBucketACL",
        "ExpectedBucketOwner",
    }
    assert {dashed(name) for name in names} == {xform_name(name, "-") for name in names}


def test_ways_are_all_told():
    assert set(same_as(CHANGES[0].values[0])) == set(WAYS)
