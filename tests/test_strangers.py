"""Templates and plans as strangers write them: what is right passes, what is wrong fails, what nobody can tell is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.engine import evaluate
from auditor.files import load_yaml
from auditor.kinds import KINDS, aws_managed
from auditor.predicates import PREDICATES
from auditor.rulebook import load
from auditor.sources import cloudformation, terraform
from tests.plans.stranger import plan
from tests.test_cloudformation import agrees, found, pipeline

FOLDER = Path(__file__).parent
TEMPLATES = load_yaml(FOLDER / "templates" / "cases" / "strangers.yaml").value
PLANS = load_yaml(FOLDER / "plans" / "strangers.yaml").value
RULES = load(vet=False)


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def everything(one):
    return {one.name: [(name, facet) for name, node in one.nodes.items() for facet in KINDS[node.kind].facets]}


def check(made, case):
    """Compare the verdicts on a snapshot, and values in it, with what a case expects."""
    findings = {f"{one.rule} {one.node}": one for one in evaluate(made, RULES, PREDICATES)}
    expected = case.get("expect", {})
    told = {name: findings[name].verdict.value for name in expected}
    why = {name: [str(each.unread or each.found) for each in findings[name].evidence] for name in expected}
    assert told == expected, why
    for route, wanted in case.get("values", {}).items():
        assert agrees(found(made, route), wanted), (route, found(made, route))


@named(TEMPLATES)
def test_a_template_of_a_stranger(tmp_path, case):
    paths = []
    for name, text in (case.get("templates") or {"template.yaml": case["template"]}).items():
        paths.append(tmp_path / name)
        paths[-1].write_text(text)
    one = pipeline(case["nodes"])
    given = SimpleNamespace(parameters=case.get("parameters", {}), parameter_files=())
    (made,) = cloudformation.read([one], everything(one), paths, given)
    check(made, case)


@named(PLANS)
def test_a_plan_of_a_stranger(tmp_path, case):
    file = tmp_path / "plan.json"
    file.write_text(json.dumps(plan(case)))
    one = pipeline(case["nodes"])
    (made,) = terraform.read([one], everything(one), file, SimpleNamespace(terraform_dir=""))
    check(made, case)


def test_policies_of_aws_are_as_aws_publishes_them():
    from moto.iam.aws_managed_policies import aws_managed_policies_data

    published = json.loads(aws_managed_policies_data)
    for name in aws_managed.NAMES:
        theirs = published[name.rpartition("/")[2]]
        assert f"{theirs['Path'].lstrip('/')}{name.rpartition('/')[2]}" == name
        (statement,) = theirs["Document"]["Statement"]
        (mine,) = aws_managed.document(f"arn:aws:iam::aws:policy/{name}")["Statement"]
        actions = statement["Action"]
        assert mine["Action"] == (actions if isinstance(actions, list) else [actions])
        assert (statement["Effect"], statement["Resource"]) in [("Allow", "*"), ("Allow", ["*"])]
    assert aws_managed.document("arn:aws:iam::111122223333:policy/AdministratorAccess") is None
    assert aws_managed.document("arn:aws-cn:iam::aws:policy/AdministratorAccess") is not None


def test_a_large_json_template_with_a_byte_order_mark_is_read_with_its_lines(tmp_path):
    many = {
        f"Topic{index}": {"Type": "AWS::SNS::Topic", "Properties": {"DisplayName": "x" * 200}} for index in range(400)
    }
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "orders-export"}}
    bucket["Properties"]["VersioningConfiguration"] = {"Status": "Suspended"}
    text = json.dumps({"Resources": {**many, "Export": bucket}}, indent=2)
    file = tmp_path / "template.json"
    file.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert file.stat().st_size > 51_200
    one = pipeline({"destination_bucket": {"account": "production", "name": "orders-export"}})
    given = SimpleNamespace(parameters={}, parameter_files=())
    (made,) = cloudformation.read([one], everything(one), file, given)
    (found_wrong,) = [one for one in evaluate(made, RULES, PREDICATES) if one.rule == "versioning-enabled"]
    line = next(number for number, row in enumerate(text.splitlines(), 1) if "Suspended" in row)
    (evidence,) = found_wrong.evidence
    assert (evidence.location.file, evidence.location.line) == (str(file), line)
