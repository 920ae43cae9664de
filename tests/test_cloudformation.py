"""CloudFormation templates as a source: what is known of a pipeline before it is deployed, and what is not."""

from __future__ import annotations

import functools
import json
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.errors import SourceError, UsageError
from auditor.files import load_yaml
from auditor.kinds import KINDS
from auditor.kinds.cloudformation import SPELLINGS
from auditor.model import Unread
from auditor.pipeline import parse
from auditor.scope import Scope
from auditor.sources import cloudformation

FOLDER = Path(__file__).parent / "templates"
HEAD = """\
version: 1
accounts:
  production: {id: "111122223333", region: ap-northeast-1}
  analytics: {id: "444455556666", region: eu-west-1}
pipelines:
  orders:
"""
CASES = [case for file in ("values", "nodes") for case in load_yaml(FOLDER / "cases" / f"{file}.yaml").value]


def pipeline(nodes):
    lines = []
    for name, said in nodes.items():
        node = said if isinstance(said, dict) else {"name": said}
        lines.append(f"    {name}: {json.dumps({'account': 'production', **node})}\n")
    (one,) = parse(HEAD + "".join(lines), "pipeline.yaml")
    return one


def snapshot(folder, templates, nodes, parameters=None, files=()):
    """Return a pipeline as templates (text by file name) make it, with every facet read."""
    paths = []
    for name, text in templates.items():
        paths.append(folder / name)
        paths[-1].write_text(text)
    one = pipeline(nodes)
    needs = {"orders": [(name, facet) for name, node in one.nodes.items() for facet in KINDS[node.kind].facets]}
    given = SimpleNamespace(parameters=parameters or {}, parameter_files=files)
    (made,) = cloudformation.read([one], needs, paths, given)
    return made


def found(made, route):
    return Scope(made, route.split(".")[0]).find(route).value


def agrees(value, wanted):
    """Compare a value, which may be unread, with what a case expects."""
    if isinstance(wanted, dict) and "unread" in wanted:
        return (
            isinstance(value, Unread)
            and value.reason == wanted["unread"]
            and wanted.get("says", "") in str(value.detail)
        )
    if isinstance(wanted, dict) and isinstance(value, dict):
        return wanted.keys() == value.keys() and all(agrees(value[key], part) for key, part in wanted.items())
    return value == wanted and type(value) is type(wanted)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_template_says(tmp_path, case):
    templates = case.get("templates") or {"template.yaml": case["template"]}
    made = snapshot(tmp_path, templates, case["nodes"], case.get("parameters"))
    for route, wanted in case["expect"].items():
        assert agrees(found(made, route), wanted), (route, found(made, route))


def test_beside_other_sources_a_name_that_nobody_knows_proves_nothing(tmp_path):
    (tmp_path / "t.yaml").write_text(
        "Resources:\n  Role: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}\n"
    )
    one = pipeline({"replication_role": {"cloudformation": "Role"}})
    given = SimpleNamespace(parameters={}, parameter_files=())
    (made,) = cloudformation.read(
        [one], {"orders": [("replication_role", "Role")]}, tmp_path / "t.yaml", given, alone=False
    )
    assert found(made, "replication_role.Arn").reason == "Unresolved"


def test_every_kind_and_facet_has_a_spelling():
    assert {name: list(kind.facets) for name, kind in KINDS.items()}.keys() == SPELLINGS.keys()
    for name, spelling in SPELLINGS.items():
        assert set(spelling.facets) == set(KINDS[name].facets), name


PLACES = """\
Resources:
  Bucket:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: orders-export
      ReplicationConfiguration:
        Role: arn:aws:iam::111122223333:role/r
        Rules:
          - Id: exports
            Status: Disabled
            Filter: {Prefix: exports/}
            Destination:
              Bucket: !Sub
                - arn:aws:s3:::${Name}
                - {Name: x}
  Role:
    Type: AWS::IAM::Role
    Properties:
      RoleName: replication
      AssumeRolePolicyDocument: {Statement: []}
  Policy:
    Type: AWS::IAM::Policy
    Properties:
      Roles: [!Ref Role]
      PolicyName: p
      PolicyDocument:
        Statement:
          - Effect: Allow
            Action: s3:*
"""


@pytest.mark.parametrize(
    ("route", "line"),
    [
        ("source_bucket.Replication.Rules[0].Status", 10),
        ("source_bucket.Replication.Rules[0].Filter.Prefix", 11),
        ("source_bucket.Replication.Rules[0].Destination.Bucket", 13),
        ("source_bucket.Replication.Rules[0].DeleteMarkerReplication.Status", 9),
        ("source_bucket.Replication", 6),
        ("source_bucket.Lifecycle", 2),
        ("source_bucket.Versioning.Status", 2),
        ("source_bucket.Exports", 2),
        ("replication_role.InlinePolicies.p.Statement[0].Action", 29),
        ("replication_role.Trust", 20),
        ("replication_role.Boundary", 16),
    ],
)
def test_findings_have_the_line_of_the_property_or_of_the_resource_that_lacks_it(tmp_path, route, line):
    nodes = {"source_bucket": "orders-export", "replication_role": {"role": "replication"}}
    made = snapshot(tmp_path, {"t.yaml": PLACES}, nodes)
    place = Scope(made, "source_bucket").place(route)
    assert (place.file, place.line) == (str(tmp_path / "t.yaml"), line)


def test_a_node_that_no_template_has_is_placed_where_the_pipeline_declares_it(tmp_path):
    made = snapshot(tmp_path, {"t.yaml": PLACES}, {"table": "orders"})
    assert str(Scope(made, "table").place("table.Exports")) == "pipeline.yaml:7:5"


def mistakes(folder, text, name="t.yaml", **given):
    with pytest.raises(SourceError) as caught:
        snapshot(folder, {name: text}, {"source_bucket": "orders-export"}, **given)
    return [str(one).removeprefix(f"{folder}/") for one in caught.value.mistakes]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("t.yaml", "a: b\n", "t.yaml:1: This is no CloudFormation template: it has no `Resources`."),
        (
            "t.yaml",
            "Resource: {A: {Type: X}}\n",
            "t.yaml:1: This is no CloudFormation template: it has no `Resources`. Did you mean",
        ),
        ("t.yaml", "Resources: [a]\n", "t.yaml:1:1: `Resources` must be a mapping."),
        ("t.yaml", "Resources:\n  A: [1]\n", "t.yaml:2:3: The resource `A` must be a mapping"),
        ("t.yaml", "Resources:\n  A: {Properties: {}}\n", "t.yaml:2:3: The resource `A` has no `Type`."),
        (
            "t.yaml",
            "Resources:\n  A:\n    Type: X\n    Properties: [1]\n",
            "t.yaml:4:5: The `Properties` of `A` must be a mapping.",
        ),
        ("t.yaml", "Resources:\n  A:\n    Type: X\n    Condition: [1]\n", "t.yaml:4:5: The `Condition` of `A`"),
        ("t.yaml", "Conditions: []\nResources: {}\n", "t.yaml:1:1: `Conditions` must be a mapping."),
        ("t.yaml", "Resources:\n  A: {Type: X\n", "t.yaml:2:6: A bracket is opened here and never closed."),
        ("t.json", '{"Resources": {"A": {"Type": "X",}}}', "t.json:1:33"),
        ("t.json", '{"planned_values": {}}', "t.json:1: This is a Terraform plan. Name it as `terraform:FILE`."),
        ("manifest.json", '{"version": "1", "artifacts": {}}', "manifest.json:1: This is the manifest of a CDK app."),
        ("t.yaml", "", "t.yaml:1: This is no CloudFormation template"),
    ],
)
def test_what_is_no_template_is_refused_with_its_place(tmp_path, name, text, said):
    found = mistakes(tmp_path, text, name)
    assert len(found) == 1
    assert found[0].startswith(said)


def test_all_mistakes_are_told_at_once(tmp_path):
    found = mistakes(tmp_path, "Parameters: []\nResources:\n  A: 1\n  B: {}\n")
    assert [one.split(": ")[0] for one in found] == ["t.yaml:1:1", "t.yaml:3:3", "t.yaml:4:3"]


def test_a_file_that_is_not_there(tmp_path):
    given = SimpleNamespace(parameters={}, parameter_files=())
    with pytest.raises(SourceError, match="There is no such file"):
        list(cloudformation.read([pipeline({"table": "orders"})], {}, tmp_path / "none.yaml", given))
    with pytest.raises(SourceError, match=r"holds no `\*\.template\.json`"):
        list(cloudformation.read([pipeline({"table": "orders"})], {}, tmp_path, given))


NAMED = """\
Parameters: {Name: {Type: String}, Days: {Type: Number}}
Resources:
  Bucket: {Type: "AWS::S3::Bucket", Properties: {BucketName: !Ref Name}}
"""


@pytest.mark.parametrize(
    "text",
    [
        '[{"ParameterKey": "Name", "ParameterValue": "orders-export"}, {"ParameterKey": "Days", "UsePreviousValue": true}]',
        '{"Parameters": {"Name": "orders-export", "Days": 7}}',
        '{"Name": "orders-export"}',
        '["Name=orders-export", "Days=7"]',
        '{"Parameters": [{"ParameterKey": "Name", "ParameterValue": "orders-export"}]}',
    ],
)
def test_parameters_come_from_files_in_all_their_forms(tmp_path, text):
    (tmp_path / "p.json").write_text(text)
    made = snapshot(tmp_path, {"t.yaml": NAMED}, {"source_bucket": "orders-export"}, files=(str(tmp_path / "p.json"),))
    assert found(made, "source_bucket.Versioning") == {}


def test_the_command_line_wins_over_parameter_files(tmp_path):
    (tmp_path / "p.json").write_text('{"Name": "other"}')
    files = (str(tmp_path / "p.json"),)
    made = snapshot(tmp_path, {"t.yaml": NAMED}, {"source_bucket": "orders-export"}, {"Name": "orders-export"}, files)
    assert found(made, "source_bucket.Versioning") == {}


def test_a_parameter_that_no_template_has_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"No template has a parameter `Nam`\. Did you mean `Name`"):
        snapshot(tmp_path, {"t.yaml": NAMED}, {"source_bucket": "x-bucket"}, {"Nam": "x"})


def test_a_value_that_the_template_does_not_allow_is_refused(tmp_path):
    text = NAMED.replace("Name: {Type: String}", "Name: {Type: String, AllowedValues: [a, b]}")
    with pytest.raises(UsageError, match=r"--parameter Name=c: the template allows `a`, `b` \(.*t\.yaml:1:\d+\)"):
        snapshot(tmp_path, {"t.yaml": text}, {"source_bucket": "x-bucket"}, {"Name": "c"})


def test_a_parameter_file_that_says_nothing_of_use(tmp_path):
    (tmp_path / "p.json").write_text('[{"ParameterKey": "Name", "ParameterValue": {"a": 1}}, 7]')
    found = mistakes(tmp_path, NAMED, files=(str(tmp_path / "p.json"),))
    assert [one.split(": ")[0] for one in found] == ["p.json:1:2", "p.json:1:56"]


def test_a_folder_of_templates_is_read_together(tmp_path):
    out = tmp_path / "cdk.out"
    out.mkdir()
    role = {
        "Type": "AWS::IAM::Role",
        "Properties": {"RoleName": "replication", "AssumeRolePolicyDocument": {"Statement": []}},
    }
    value = {"Value": {"Fn::GetAtt": ["Role", "Arn"]}, "Export": {"Name": "Roles:RoleArn"}}
    (out / "Roles.template.json").write_text(json.dumps({"Resources": {"Role": role}, "Outputs": {"Arn": value}}))
    rule = {"Id": "a", "Status": "Enabled", "Prefix": "", "Destination": {"Bucket": "arn:aws:s3:::x"}}
    replication = {"Role": {"Fn::ImportValue": "Roles:RoleArn"}, "Rules": [rule]}
    bucket = {
        "Type": "AWS::S3::Bucket",
        "Properties": {"BucketName": "orders-export", "ReplicationConfiguration": replication},
    }
    (out / "Buckets.template.json").write_text(json.dumps({"Resources": {"Bucket": bucket}}))
    (out / "manifest.json").write_text("{}")
    one = pipeline({"source_bucket": "orders-export", "replication_role": {"role": "replication"}})
    needs = {"orders": [("source_bucket", "Replication"), ("replication_role", "Role")]}
    given = SimpleNamespace(parameters={}, parameter_files=())
    (made,) = cloudformation.read([one], needs, out, given)
    assert found(made, "source_bucket.Replication.Role") == found(made, "replication_role.Arn")
    assert made.source == f"cloudformation:{out}"


SAM = """\
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.12, Timeout: 20}}
Resources:
  Bucket: {Type: "AWS::S3::Bucket", Properties: {BucketName: orders-export}}
  OnExport:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: on-export
      Handler: index.handler
      InlineCode: "pass"
      Events:
        Landed:
          Type: S3
          Properties:
            Bucket: !Ref Bucket
            Events: s3:ObjectCreated:CompleteMultipartUpload
            Filter: {S3Key: {Rules: [{Name: prefix, Value: exports/}]}}
"""
SERVERLESS = {"source_bucket": "orders-export", "consumer": {"lambda": "on-export"}}


def test_sam_is_expanded_by_its_own_translator(tmp_path):
    made = snapshot(tmp_path, {"t.yaml": SAM}, SERVERLESS)
    (entry,) = found(made, "source_bucket.Notification.LambdaFunctionConfigurations")
    assert entry["LambdaFunctionArn"] == found(made, "consumer.Arn")
    assert entry["Filter"] == {"Key": {"FilterRules": [{"Name": "prefix", "Value": "exports/"}]}}
    assert found(made, "consumer.Policy.Statement[0].Principal") == {"Service": "s3.amazonaws.com"}
    assert found(made, "consumer.Configuration.Timeout") == 20
    assert Scope(made, "consumer").place("consumer.Policy").line == 5
    assert Scope(made, "consumer").place("source_bucket.Notification").line == 4


def test_without_the_translator_a_sam_template_is_unread_whole(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "samtranslator.translator.translator", None)
    made = snapshot(tmp_path, {"t.yaml": SAM}, SERVERLESS)
    for route in ("source_bucket.Notification", "source_bucket.Versioning", "consumer.Policy"):
        assert found(made, route).reason in {"Macro", "NotInTemplate"}
        assert "AWS::Serverless" in str(found(made, route).detail)


def test_what_sam_cannot_expand_is_told_with_its_place(tmp_path):
    said = mistakes(
        tmp_path, SAM.replace("Handler: index.handler", "Handler: [1]").replace("Type: S3", "Type: Nothing")
    )
    assert said[0].startswith("t.yaml:5:3: SAM cannot expand this template: ")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(
            json.dumps(
                {
                    "Resources": {
                        "B": {
                            "Type": "AWS::S3::Bucket",
                            "Properties": {
                                "BucketName": "orders-export",
                                "ReplicationConfiguration": functools.reduce(
                                    lambda inner, _: {"Fn::If": ["C", inner, inner]}, range(12), "x"
                                ),
                            },
                        }
                    },
                    "Conditions": {"C": {"Fn::Equals": [{"Ref": "P"}, "a"]}},
                    "Parameters": {"P": {}},
                }
            ),
            id="branches",
        ),
        pytest.param(
            json.dumps(
                {
                    "Resources": {
                        f"B{n}": {
                            "Type": "AWS::S3::Bucket",
                            "Properties": {"BucketName": {"Fn::Sub": f"${{B{n + 1}}}${{B{n + 1}}}"}},
                        }
                        for n in range(60)
                    }
                    | {"B60": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "aaaaaaaaaa"}}}
                }
            ),
            id="doubling",
        ),
        pytest.param(
            json.dumps(
                {
                    "Conditions": {f"C{n}": {"Fn::Not": [{"Condition": f"C{n + 1}"}]} for n in range(3000)},
                    "Resources": {
                        "B": {
                            "Type": "AWS::S3::Bucket",
                            "Condition": "C0",
                            "Properties": {"BucketName": "orders-export"},
                        }
                    },
                }
            ),
            id="chain of conditions",
        ),
        pytest.param(
            '{"Resources": {"B": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "orders-export", "LifecycleConfiguration": '
            + '{"Fn::If": ["C", ' * 90
            + '"x"'
            + ', "y"]}' * 90
            + "}}}}",
            id="deep",
        ),
        pytest.param(
            json.dumps(
                {
                    "Resources": {
                        "B": {
                            "Type": "AWS::S3::Bucket",
                            "Properties": {
                                "BucketName": "orders-export",
                                "LoggingConfiguration": {
                                    "DestinationBucketName": {
                                        "Fn::Join": ["x" * 50000, {"Fn::Split": ["a", "a" * 50000]}]
                                    }
                                },
                            },
                        }
                    }
                }
            ),
            id="joined",
        ),
    ],
)
def test_nothing_in_a_template_makes_it_endless(tmp_path, text):
    tracemalloc.start()
    made = snapshot(tmp_path, {"t.json": text}, {"source_bucket": "orders-export"})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 300_000_000
    assert set(made.resources["source_bucket"].unread) | set(made.resources["source_bucket"].facets)
