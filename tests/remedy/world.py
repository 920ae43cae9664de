"""Rules, pipelines, findings and a way to the stand-in, for the tests of remediation."""

from __future__ import annotations

from pathlib import Path

import yaml

from auditor.aws import Aws
from auditor.aws import Patience as AwsPatience
from auditor.errors import Place
from auditor.kinds import resource
from auditor.model import Account, Finding, Node, Pipeline, Safety, Severity, Snapshot, Text, Verdict
from auditor.remedy import Patience, draft
from auditor.rule import Edit, Fix, Rule
from auditor.scope import holes, steps
from auditor.sources import live

NOWHERE = Place("test")
PRODUCTION = Account("production", "111122223333", "ap-northeast-1", profile="production")
ANALYTICS = Account("analytics", "444455556666", "ap-northeast-1", profile="analytics")
QUICK = Patience(looks=(0, 0.01, 0.01), tries=(0.01, 0.01))
SAFETY = Safety.REVIEW


def text(raw):
    return Text(raw["en"], raw["ja"]) if raw else None


def rule(raw):
    edits = tuple(
        Edit(one["facet"], word, one[word], NOWHERE, one.get("node", ""))
        for one in raw.get("edits", ())
        for word in one
        if word not in {"facet", "node"}
    )
    subject = raw["subject"]
    return Rule(
        id=raw["id"],
        title=Text(raw["id"], raw["id"]),
        severity=Severity.HIGH,
        subjects=tuple(subject) if isinstance(subject, list) else (subject,),
        tags=(),
        why=Text("", ""),
        checks=(),
        place=NOWHERE,
        fix=Fix(Safety(raw["safety"]), edits, text(raw.get("cost")), text(raw.get("steps")))
        if "safety" in raw
        else None,
    )


RULES = tuple(rule(raw) for raw in yaml.safe_load((Path(__file__).parent / "rules.yaml").read_text(encoding="utf-8")))


def pipeline(name="orders", **changed):
    nodes = {
        "table": Node("table", "dynamodb.table", PRODUCTION, "my-table"),
        "source_bucket": Node("source_bucket", "s3.bucket", PRODUCTION, "orders-export", {"prefix": "exports/"}),
        "consumer": Node("consumer", "lambda.function", PRODUCTION, "on-export"),
        "replication_role": Node("replication_role", "iam.role", PRODUCTION, "replication-source-role"),
        "destination_bucket": Node("destination_bucket", "s3.bucket", ANALYTICS, "orders-analytics"),
    } | changed
    nodes = {key: node for key, node in nodes.items() if node is not None}
    return Pipeline(name, nodes, {"production": PRODUCTION, "analytics": ANALYTICS}, {"delete_markers": "replicate"})


def snapshot(given, name="orders", unread=None, **changed):
    """A snapshot by hand: documents by node and facet."""
    made = pipeline(name, **changed)
    unread = unread or {}
    return Snapshot(
        made,
        {node: resource(made.nodes[node], given.get(node, {}), unread.get(node, {})) for node in made.nodes},
        "test",
    )


def needs(rules, made):
    """The (node, facet) pairs that the fixes of some rules touch."""
    pairs = set()
    for one in rules:
        for subject in one.subjects:
            for edit in one.fix.edits if one.fix else ():
                pairs.add((edit.node or subject, edit.facet))
                for hole in holes(edit.wanted):
                    node, attribute = steps(hole)[:2]
                    pairs |= {(node, "Role")} if (node, attribute) == ("replication_role", "Arn") else set()
    return {pair for pair in pairs if pair[0] in made.nodes}


def failing(snapshots, rules=RULES):
    """A failing finding for each rule at each of its subjects."""
    return tuple(
        Finding(
            one.id,
            each.pipeline.name,
            node,
            Verdict.FAIL,
            one.severity,
            one.title,
            one.why,
            (),
            each.resources[node],
            one.fix.safety if one.fix else None,
            bool(one.fix and one.fix.edits)
            and not any(edit.facet in each.resources[edit.node or node].unread for edit in one.fix.edits),
        )
        for each in snapshots
        for one in rules
        for node in one.subjects
        if node in each.resources
    )


def door():
    return Aws(patience=AwsPatience(attempts=2, silent_attempts=1, first_wait=0.01, longest_wait=0.01, read_timeout=10))


def look(aws, pipelines=None, rules=RULES):
    listed = pipelines or (pipeline(),)
    return tuple(live.read(listed, {one.name: needs(rules, one) for one in listed}, aws, concurrency=4))


def plan(aws, pipelines=None, rules=RULES, **settings):
    seen = look(aws, pipelines, rules)
    return draft(seen, failing(seen, rules), rules, **{"safety": SAFETY, **settings})
