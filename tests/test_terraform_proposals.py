"""Pipelines proposed from plans: what the references between resources say belongs together."""

from __future__ import annotations

import json
from types import SimpleNamespace

from auditor.model import Account
from auditor.pipeline import parse
from auditor.sources import terraform
from auditor.sources.proposals import plain
from tests.plans.orders import stack
from tests.plans.stack import Stack, ref

PRODUCTION = Account("production", "111122223333", "ap-northeast-1")


def proposed(folder, plan, files=None, account=PRODUCTION):
    (folder / "plan.json").write_text(json.dumps(plan))
    for name, text in (files or {}).items():
        (folder / name).write_text(text)
    options = SimpleNamespace(terraform_dir=str(folder) if files else "")
    made = terraform.propose(folder / "plan.json", options, account)
    return plain(made, "terraform", "production"), made


BUCKETS = {
    "source_bucket": {"account": "production", "terraform": "aws_s3_bucket.source", "prefix": "exports/"},
    "destination_bucket": {"account": "production", "terraform": "aws_s3_bucket.destination"},
    "replication_role": {"account": "production", "terraform": "aws_iam_role.replication"},
    "consumer": {"account": "production", "kind": "lambda.function", "terraform": "aws_lambda_function.consumer"},
}
WHOLE = {
    **BUCKETS,
    "exporter": {"account": "production", "terraform": "aws_iam_role.exporter"},
    "table": {"account": "production", "terraform": "aws_dynamodb_table.orders"},
}


def test_before_anything_is_made_the_references_tell(tmp_path):
    nodes, _ = proposed(tmp_path, stack(exists=False).plan())
    assert nodes == {"aws_s3_bucket.source": BUCKETS}


def test_with_the_configuration_the_exporter_and_its_table_are_known_too(tmp_path):
    made = stack(exists=False)
    nodes, (one,) = proposed(tmp_path, made.plan(), {"main.tf": made.hcl()})
    assert nodes == {"aws_dynamodb_table.orders": WHOLE}
    assert one.open_ends == ()


def test_accounts_that_the_plan_tells_are_told(tmp_path):
    nodes, _ = proposed(tmp_path, stack().plan())
    assert nodes == {"aws_dynamodb_table.orders": WHOLE}
    (found,) = proposed(tmp_path, stack().plan(), account=Account("production", "999988887777", "eu-west-1"))[
        0
    ].values()
    told = {name: one["account"] for name, one in found.items()}
    assert told == {**dict.fromkeys(WHOLE, "111122223333"), "destination_bucket": "production"}


def test_what_is_proposed_can_be_audited(tmp_path):
    made = stack(exists=False)
    nodes, _ = proposed(tmp_path, made.plan(), {"main.tf": made.hcl()})
    accounts = {"production": {"id": "111122223333", "region": "ap-northeast-1"}}
    (one,) = parse(json.dumps({"version": 1, "accounts": accounts, "pipelines": nodes}), "proposed.yaml")
    needs = {one.name: [("source_bucket", "Replication"), ("consumer", "Policy"), ("table", "ContinuousBackups")]}
    (told,) = terraform.read([one], needs, tmp_path / "plan.json", SimpleNamespace(terraform_dir=str(tmp_path)))
    assert all(facet not in told.resources[node].unread for node, facet in needs[one.name])


def test_an_end_that_leads_to_something_unread_stays_open(tmp_path):
    resources = stack().resources
    rule = json.loads(json.dumps([{"id": "x", "status": "Enabled", "filter": [{"prefix": ""}], "priority": 1}]))
    rule[0]["destination"] = [{"bucket": ref("local.destination")}]
    resources["aws_s3_bucket_replication_configuration.source"] = {
        **resources["aws_s3_bucket_replication_configuration.source"],
        "rule": rule,
    }
    _, (one,) = proposed(tmp_path, Stack(resources).plan())
    assert "destination_bucket" in one.open_ends
    assert "destination_bucket" not in one.nodes


def test_what_another_configuration_manages_is_proposed_by_its_name(tmp_path):
    made = stack(exists=False)
    del made.resources["aws_s3_bucket.destination"]
    rule = made.resources["aws_s3_bucket_replication_configuration.source"]["rule"][0]
    rule["destination"][0] |= {"bucket": "arn:aws:s3:::orders-analytics", "account": "444455556666"}
    nodes, _ = proposed(tmp_path, made.plan())
    assert nodes["aws_s3_bucket.source"]["destination_bucket"] == {
        "account": "444455556666",
        "name": "orders-analytics",
    }
