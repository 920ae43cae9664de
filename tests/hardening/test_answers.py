"""What AWS may say by its own model, and what it may say one day: read, judged, and never lost by a fix."""

from __future__ import annotations

import copy
import functools
import json
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.aws.plain_client import client
from auditor.aws.unmodelled import WRITTEN_BACK
from auditor.edits.compose import with_documents
from auditor.kinds import KINDS, Target
from auditor.model import Account, Safety, Unread, Verdict
from auditor.remedy import draft
from auditor.rulebook import wanted_facets
from auditor.run import Settings, judged
from auditor.sources import live
from tests.faults.matrix import FAULTS, RULES, Entry
from tests.hardening.model import NEW, Answers, service

ACCOUNT = Account("production", "111122223333", "ap-northeast-1")
PIPELINES = {
    name: Entry(name, "test", {}, variants).snapshot().pipeline
    for name, variants in {
        "lambda": ("kms", "catalog"),
        "topic": ("topic",),
        "eventbridge": ("eventbridge",),
    }.items()
} | {"queue": next(one for one in FAULTS if one.name == "the queue's key does not admit S3").snapshot().pipeline}
ROWS = [(kind.name, facet.name) for kind in KINDS.values() for facet in kind.facets.values() if facet.calls]
NAMES = {"glue.table": "exports/orders", "events.rule": "orders/exports", "lambda.function": "on-export"}


@pytest.mark.parametrize(("kind", "facet"), ROWS, ids=".".join)
def test_an_answer_of_any_shape_is_read_or_unread(kind, facet):
    """What a reader may raise is what the collector keeps as unread: anything else would end a run."""
    target = Target(kind, ACCOUNT, "ap-northeast-1", NAMES.get(kind, "orders-export"), {"prefix": "exports/"})
    outcomes = Counter()
    for seed in range(40):
        answers = Answers(seed, there=(0.5, 0.9, 1.0, 0.0)[seed % 4])
        run = functools.partial(KINDS[kind].facets[facet].read, answers.to, target)
        try:
            json.dumps(KINDS[kind].facets[facet].normal(run()), default=str)
            outcomes["read"] += 1
        except (live.Refused, *live._MALFORMED):
            outcomes["unread"] += 1
    assert outcomes["read"] > 5, outcomes


def read(pipeline, seed, there):
    needs = {pipeline.name: set(wanted_facets(RULES, pipeline))}
    [snapshot] = live.read([pipeline], needs, Answers(seed, there), concurrency=1)
    return snapshot


@pytest.mark.parametrize("name", PIPELINES)
def test_whatever_is_answered_every_rule_has_a_verdict_and_a_plan_is_drawn(name):
    pipeline = PIPELINES[name]
    chosen = Settings(to_fix=True)
    judge = functools.partial(judged, rules=RULES, pipelines=[pipeline], settings=chosen)
    met = set()

    @settings(max_examples=12, deadline=None)
    @given(st.integers(0, 2**32), st.sampled_from((0.3, 0.7, 0.9, 1.0)))
    def holds(seed, there):
        snapshot = read(pipeline, seed, there)
        findings = judge(snapshot)
        met.update(one.verdict for one in findings)
        assert len({(one.rule, one.node) for one in findings}) == len(findings) > 40
        plan = draft([snapshot], findings, RULES, safety=Safety.REVIEW, judge=judge)
        assert all(change.do for change in plan.changes)

    holds()
    assert met >= {Verdict.FAIL, Verdict.UNKNOWN}


def marked(value, depth=0):
    """Return a document with a member of a later AWS in each of its mappings but the outermost."""
    if isinstance(value, dict):
        own = {"NewMember": NEW} if depth else {}
        return {name: marked(part, depth + 1) for name, part in value.items()} | own
    return [marked(part, depth + 1) for part in value] if isinstance(value, list) else value


WHOLE = {"Replication", "Notification", "Lifecycle", "Encryption", "Logging", "PublicAccessBlock", "OwnershipControls"}
MENDED = [one for one in FAULTS if one.mended and any(part.split(".")[1] in WHOLE for part in one.written)]


def test_what_a_newer_sdk_reads_is_carried_back_by_the_fix():
    carried = Counter()
    for fault in MENDED:
        snapshot = fault.snapshot()
        kept = {
            (name, facet): marked(copy.deepcopy(document))
            for name, known in snapshot.resources.items()
            for facet, document in known.facets.items()
            if facet in WHOLE and document
        }
        snapshot = with_documents(snapshot, kept)
        judge = functools.partial(judged, rules=RULES, pipelines=[snapshot.pipeline], settings=Settings(to_fix=True))
        plan = draft([snapshot], judge(snapshot), RULES, safety=Safety.REVIEW, judge=judge)
        for change in plan.changes:
            before, written = (
                json.dumps(part, default=str).count(NEW)
                for part in (change.before, [dict(call.params) for call in change.do])
            )
            if change.facet in WHOLE:
                assert written >= before, (fault.name, change.title)
                carried[change.facet] += before
    assert {"Replication", "Notification", "Lifecycle"} <= {name for name, number in carried.items() if number}


@pytest.mark.parametrize(
    ("facet", "before"),
    [("Versioning", {"Status": "Suspended", "New": "On"}), ("Lifecycle", {"Rules": [{"ID": "a"}], "New": "On"})],
)
def test_what_a_write_cannot_carry_is_refused(facet, before):
    target = Target("s3.bucket", ACCOUNT, "ap-northeast-1", "orders-export")
    with pytest.raises(live.Refused, match="New"):
        KINDS["s3.bucket"].facets[facet].write(target, before, before | {"Status": "Enabled"})


def test_a_fifth_flag_of_the_block_survives():
    target = Target("s3.bucket", ACCOUNT, "ap-northeast-1", "orders-export")
    [call] = KINDS["s3.bucket"].facets["PublicAccessBlock"].write(target, None, {"BlockNew": True})
    assert call.params["PublicAccessBlockConfiguration"] == {
        "BlockNew": True,
        **dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), False),
    }


HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'
LATER = {
    "versioning-enabled": (
        "GetBucketVersioning",
        f"{HEAD}<VersioningConfiguration {NAMESPACE}><Status>Suspended</Status><Pace>Slow</Pace></VersioningConfiguration>",
        "Versioning.Pace",
    ),
    "notification-hears-exports": (
        "GetBucketNotification.*",
        (
            f"{HEAD}<NotificationConfiguration {NAMESPACE}><CloudFunctionConfiguration><Id>exports</Id><CloudFunction>"
            "arn:aws:lambda:ap-northeast-1:111122223333:function:on-export</CloudFunction><Event>s3:ObjectCreated:Put</Event>"
            "<Pace><Slow>1</Slow></Pace></CloudFunctionConfiguration></NotificationConfiguration>"
        ),
        "Notification.LambdaFunctionConfigurations[0].Pace",
    ),
    "replication-time-control": (
        "GetBucketReplication",
        (
            f"{HEAD}<ReplicationConfiguration {NAMESPACE}><Role>arn:aws:iam::111122223333:role/replication-source-role</Role>"
            "<Rule><ID>first</ID><Priority>2</Priority><Filter><And><Prefix>other/</Prefix><Tag><Key>a</Key><Value>b</Value></Tag>"
            "</And></Filter><Status>Disabled</Status><DeleteMarkerReplication><Status>Disabled</Status></DeleteMarkerReplication>"
            "<Destination><Bucket>arn:aws:s3:::orders-analytics</Bucket></Destination></Rule>"
            "<Rule><ID>exports</ID><Priority>1</Priority><Filter><Prefix>exports/</Prefix></Filter><Status>Enabled</Status>"
            "<DeleteMarkerReplication><Status>Enabled</Status></DeleteMarkerReplication>"
            "<Destination><Bucket>arn:aws:s3:::orders-analytics</Bucket><Pace>Slow</Pace></Destination></Rule>"
            "</ReplicationConfiguration>"
        ),
        "Replication.Rules[1].Destination.Pace",
    ),
    "lifecycle-aborts-uploads": (
        "GetBucketLifecycle.*",
        (
            f"{HEAD}<LifecycleConfiguration {NAMESPACE}><Rule><ID>exports</ID><Filter><Prefix>exports/</Prefix></Filter>"
            "<Status>Enabled</Status><Expiration><Days>365</Days><Pace>Slow</Pace></Expiration></Rule></LifecycleConfiguration>"
        ),
        "Lifecycle.Rules[0].Expiration.Pace",
    ),
    "public-access-blocked": (
        "GetPublicAccessBlock",
        (
            f"{HEAD}<PublicAccessBlockConfiguration {NAMESPACE}><BlockPublicAcls>false</BlockPublicAcls><BlockPace>true</BlockPace>"
            "</PublicAccessBlockConfiguration>"
        ),
        "PublicAccessBlock.BlockPace",
    ),
}


def test_what_an_older_sdk_does_not_read_is_never_lost_by_a_fix(golden):
    """botocore's parser forgets what it does not know: written back, somebody's setting would be gone."""
    golden.server.faults(
        [
            {"service": "s3", "operation": operation, "account": "111122223333", "body": body}
            for operation, body, _ in LATER.values()
        ]
    )
    chosen = [word for rule in LATER for word in ("--select", rule)]
    done = golden.run("audit", "pipeline.yaml", *chosen, "--fix=review", "--yes", "--state-dir", "journals")
    assert done.returncode == 1, done.stdout + done.stderr
    told = " ".join(done.stderr.split())
    for rule, (_, _, route) in LATER.items():
        said = f"{rule} (orders.source_bucket): source_bucket.{route} is not known: AWS answers `{route.rpartition('.')[2]}`"
        assert said in told
        assert rule in done.stdout, "the verdict stands all the same"
    assert [one for one in golden.server.calls() if one["operation"].startswith("Put")] == []


def test_what_appears_after_the_plan_was_made_is_not_lost_either(misset):
    drawn = misset.run("plan", "pipeline.yaml", "-o", "plan.json", "--select", "versioning-enabled")
    assert drawn.returncode == 1, drawn.stderr
    misset.server.faults([{"operation": LATER["versioning-enabled"][0], "body": LATER["versioning-enabled"][1]}])
    done = misset.run("apply", "plan.json", "--yes", "--state-dir", "journals")
    assert done.returncode == 4
    assert "Pace" in done.stderr + done.stdout
    assert [one for one in misset.server.calls() if one["operation"].startswith("Put")] == []


def test_every_configuration_that_S3_takes_whole_is_looked_at():
    whole = {
        call.partition(":")[2]
        for facet in KINDS["s3.bucket"].facets.values()
        if facet.write and facet.shape.form == "api"
        for call in facet.calls
    }
    assert whole | {"DescribeRule"} == WRITTEN_BACK
    assert all(service("events" if name == "DescribeRule" else "s3").operation_model(name) for name in WRITTEN_BACK)


def test_a_new_member_of_an_eventbridge_rule_is_seen(golden, monkeypatch):
    from auditor.aws import Aws

    for name, value in golden.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    body = {"Name": "exports", "Arn": "arn:aws:events:ap-northeast-1:111122223333:rule/exports", "State": "ENABLED"}
    client("events", "111122223333", "ap-northeast-1", golden.server.url).put_rule(Name="exports", EventPattern="{}")
    golden.server.faults([{"service": "events", "body": json.dumps(body | {"Pace": "Slow"})}])
    account = Account("production", "111122223333", "ap-northeast-1", profile="production")
    with Aws() as aws:
        target = Target("events.rule", account, "ap-northeast-1", "exports")
        found = KINDS["events.rule"].facets["Rule"].read(aws.ask(account, "ap-northeast-1"), target)
    assert isinstance(found.pop("Pace"), Unread)
    assert found == body
