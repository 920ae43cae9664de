"""Pipelines proposed from templates: what the references between resources say belongs together."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.files import load_yaml
from auditor.model import Account
from auditor.pipeline import parse
from auditor.sources import cloudformation
from auditor.sources.proposals import plain

FOLDER = Path(__file__).parent / "templates"
GIVEN = SimpleNamespace(parameters={}, parameter_files=())


def proposed(file, account=None):
    made = cloudformation.propose(file, GIVEN, *([account] if account else []))
    return plain(made, "cloudformation", "production"), made


def test_a_whole_pipeline_follows_from_its_template():
    nodes, (one,) = proposed(FOLDER / "gate" / "production.yaml")
    assert nodes == {
        "Table": {
            "source_bucket": {"account": "production", "cloudformation": "ExportBucket", "prefix": "exports/"},
            "destination_bucket": {"account": "production", "name": "orders-analytics"},
            "replication_role": {"account": "production", "cloudformation": "ReplicationRole"},
            "consumer": {"account": "production", "kind": "lambda.function", "cloudformation": "OnExport"},
            "exporter": {"account": "production", "cloudformation": "Exporter"},
            "table": {"account": "production", "cloudformation": "Table"},
        }
    }
    assert one.open_ends == ()


def test_what_is_proposed_can_be_audited():
    nodes, _ = proposed(FOLDER / "gate" / "production.yaml", Account("production", "111122223333", "ap-northeast-1"))
    accounts = {"production": {"id": "111122223333", "region": "ap-northeast-1"}}
    text = json.dumps({"version": 1, "accounts": accounts, "pipelines": nodes})
    (pipeline,) = parse(text, "proposed.yaml")
    needs = {"Table": [("source_bucket", "Replication"), ("consumer", "Policy"), ("table", "ContinuousBackups")]}
    (made,) = cloudformation.read([pipeline], needs, FOLDER / "gate" / "production.yaml", GIVEN)
    assert all(facet not in made.resources[node].unread for node, facet in needs["Table"])


CASES = load_yaml(FOLDER / "cases" / "proposals.yaml").value


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_what_is_proposed(tmp_path, case):
    file = tmp_path / "t.yaml"
    file.write_text(case["template"])
    nodes, made = proposed(file)
    assert nodes == case["expect"]
    assert {one.name: list(one.open_ends) for one in made if one.open_ends} == case.get("open", {})
