"""A plan against AWS as the stand-in plays it: applied, stale, refused, lost, rolled back."""

from __future__ import annotations

import json

import pytest

from auditor.remedy import State, apply, begin, find, inspect, reopen, resume, rollback, runs
from tests.remedy import world
from tests.remedy.world import QUICK


def go(plan, aws, state_dir):
    with begin(plan, state_dir) as journal:
        return apply(plan, aws, journal, patience=QUICK)


def where(run, aws):
    return {change.id: standing for change, standing in inspect(run, aws)}


def test_everything_is_made_in_order_and_a_second_plan_is_empty(aws, writes, tmp_path):
    plan = world.plan(aws)
    assert writes() == [], "drafting writes nothing"
    outcome = go(plan, aws, tmp_path)
    assert outcome.complete, outcome
    assert {result.state for result in outcome.results} == {State.DONE}
    made = writes()
    assert made == [call.operation for change in plan.changes for call in change.do], (
        "exactly the calls that were shown"
    )
    again = world.plan(aws)
    assert again.changes == ()
    assert writes() == made, "the second time nothing is written"


def test_a_plan_applied_twice_makes_no_call_the_second_time(aws, writes, tmp_path):
    plan = world.plan(aws)
    go(plan, aws, tmp_path)
    made = len(writes())
    outcome = go(plan, aws, tmp_path)
    assert outcome.complete
    assert {result.state for result in outcome.results} == {State.ALREADY}
    assert len(writes()) == made
    newest = runs(tmp_path)[-1]
    assert find("last", tmp_path).id == runs(tmp_path)[0].id, "the newest that wrote something"
    with reopen(newest) as journal:
        rolled = rollback(newest, aws, journal)
    assert rolled.results == (), "a run that wrote nothing has nothing to undo"
    assert len(writes()) == made


def test_rolling_back_restores_the_whole_configuration(aws, configuration, tmp_path):
    before = configuration()
    go(world.plan(aws), aws, tmp_path)
    assert configuration() != before
    (run,) = runs(tmp_path)
    assert run.state == "finished"
    with reopen(run) as journal:
        outcome = rollback(run, aws, journal, patience=QUICK)
    assert outcome.complete
    assert json.dumps(configuration(), sort_keys=True) == json.dumps(before, sort_keys=True)
    assert runs(tmp_path)[0].state == "rolled_back"


def test_what_cannot_be_undone_is_said_before_and_after(aws, clients, configuration, tmp_path):
    clients("s3", "444455556666").delete_bucket_lifecycle(Bucket="orders-analytics-logs")
    node = world.Node("destination_bucket", "s3.bucket", world.ANALYTICS, "orders-analytics-logs")
    (versioning,) = [one for one in world.RULES if one.id == "versioning-enabled"]
    plan = world.plan(aws, (world.pipeline(source_bucket=None, destination_bucket=node),), (versioning,))
    (change,) = plan.changes
    assert "Suspended" in change.lossy.en
    go(plan, aws, tmp_path)
    (run,) = runs(tmp_path)
    with reopen(run) as journal:
        outcome = rollback(run, aws, journal, patience=QUICK)
    (result,) = outcome.results
    assert result.state is State.UNDONE_PARTLY and "Suspended" in result.why
    assert configuration()["444455556666"]["buckets"]["orders-analytics-logs"]["Versioning"] == {"Status": "Suspended"}
    with reopen(runs(tmp_path)[0]) as journal:
        assert rollback(runs(tmp_path)[0], aws, journal, patience=QUICK).complete, "a second rollback knows it"


def test_a_facet_that_changed_since_the_plan_is_not_written_nor_what_needs_it(
    aws, clients, configuration, writes, tmp_path
):
    plan = world.plan(aws)
    other = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::x/*"}],
    }
    clients("iam").put_role_policy(
        RoleName="replication-source-role", PolicyName="new", PolicyDocument=json.dumps(other)
    )
    outcome = go(plan, aws, tmp_path)
    assert not outcome.complete
    stale = outcome.of(State.STALE)
    assert [result.change.facet for result in stale] == ["InlinePolicies"]
    assert [result.change.facet for result in outcome.of(State.SKIPPED)] == ["Replication"]
    assert {"PutRolePolicy", "PutBucketReplication"}.isdisjoint(writes()[1:]), "writes[0] is the change by somebody"
    assert len(outcome.of(State.DONE)) == len(plan.changes) - 2, "what does not need it is done"
    assert runs(tmp_path)[0].state == "incomplete"


def test_a_reordered_policy_is_not_a_change(aws, clients, tmp_path):
    s3 = clients("s3", "444455556666")
    plan = world.plan(aws)
    document = json.loads(s3.get_bucket_policy(Bucket="orders-analytics")["Policy"])
    document["Statement"].reverse()
    for statement in document["Statement"]:
        if isinstance(statement["Action"], list):
            statement["Action"].reverse()
    s3.put_bucket_policy(Bucket="orders-analytics", Policy=json.dumps(document))
    assert go(plan, aws, tmp_path).complete


WRITES = [
    ("UpdateContinuousBackups", "ContinuousBackups", set()),
    ("UpdateTable", "Description", set()),
    ("PutRolePolicy", "InlinePolicies", {"Replication"}),
    ("PutBucketPolicy", "Policy", {"Replication"}),
    ("PutBucketVersioning", "Versioning", {"Replication"}),
    ("PutBucketNotificationConfiguration", "Notification", set()),
    ("PutBucketReplication", "Replication", set()),
    ("PutBucketLifecycleConfiguration", "Lifecycle", set()),
]


@pytest.mark.parametrize(("operation", "facet", "needing"), WRITES, ids=[row[0] for row in WRITES])
@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "AccessDenied"), (400, "ValidationError"), (503, "SlowDown")],
    ids=["denied", "invalid", "throttled"],
)
def test_a_refused_write_stops_what_needs_it_and_nothing_else(
    misset, aws, tmp_path, operation, facet, needing, status, code
):
    plan = world.plan(aws)
    misset.faults([{"operation": operation, "status": status, "code": code}])
    outcome = go(plan, aws, tmp_path)
    refused = outcome.of(State.REFUSED)
    assert {result.change.facet for result in refused} == {facet}
    assert {result.reason for result in refused} == {code}
    assert {result.change.facet for result in outcome.of(State.SKIPPED)} == needing
    done = [change.facet for change in plan.changes if change.facet not in {facet, *needing}]
    assert [result.change.facet for result in outcome.of(State.DONE)] == done
    misset.faults([])
    (run,) = runs(tmp_path)
    assert run.state == "incomplete"
    with reopen(run) as journal:
        assert resume(run, aws, journal, patience=QUICK).complete, "once it is allowed, the run can be finished"
    assert world.plan(aws).changes == ()


def test_a_refused_notification_grant_stops_the_notification(misset, clients, aws, tmp_path):
    clients("lambda").remove_permission(FunctionName="on-export", StatementId="exports")
    plan = world.plan(aws)
    misset.faults([{"operation": "AddPermission", "status": 403, "code": "AccessDeniedException"}])
    outcome = go(plan, aws, tmp_path)
    assert [result.change.facet for result in outcome.of(State.SKIPPED)] == ["Notification"]


READS = [
    "GetBucketReplication",
    "GetBucketVersioning",
    "ListRolePolicies",
    "GetBucketPolicy",
    "DescribeContinuousBackups",
]


@pytest.mark.parametrize("operation", READS)
def test_what_may_not_be_read_again_is_not_written(misset, aws, writes, tmp_path, operation):
    plan = world.plan(aws)
    misset.faults([{"operation": operation, "status": 403, "code": "AccessDenied"}])
    outcome = go(plan, aws, tmp_path)
    refused = [result.change for result in outcome.of(State.REFUSED)]
    assert refused
    unwanted = {call.operation for change in refused for call in change.do}
    other = {call.operation for change in plan.changes if change not in refused for call in change.do}
    assert not (unwanted - other) & set(writes())


@pytest.mark.parametrize("operation", READS)
def test_what_could_not_be_read_is_never_in_a_plan(misset, aws, operation):
    facets = {
        "GetBucketReplication": "Replication",
        "GetBucketVersioning": "Versioning",
        "ListRolePolicies": "InlinePolicies",
    }
    facets |= {"GetBucketPolicy": "Policy", "DescribeContinuousBackups": "ContinuousBackups"}
    misset.faults([{"operation": operation, "status": 403, "code": "AccessDenied"}])
    plan = world.plan(aws)
    facet = facets[operation]
    assert not [change for change in plan.changes if change.facet == facet and change.target.kind != "lambda.function"]
    assert "unread" in {left.reason for left in plan.left}


@pytest.mark.parametrize(
    "fault", [{"drop": True, "after": True}, {"status": 500, "code": "InternalError", "after": True}]
)
def test_a_lost_answer_is_looked_up(misset, aws, tmp_path, fault):
    plan = world.plan(aws)
    misset.faults([{"operation": "PutBucketReplication", **fault}])
    outcome = go(plan, aws, tmp_path)
    assert outcome.complete
    (result,) = [one for one in outcome.results if one.change.facet == "Replication"]
    assert "AWS shows the change" in result.why


def test_a_lost_call_that_aws_does_not_show_stays_unknown(misset, aws, tmp_path):
    plan = world.plan(aws)
    misset.faults([{"operation": "PutBucketReplication", "drop": True}])
    outcome = go(plan, aws, tmp_path)
    assert [result.change.facet for result in outcome.of(State.UNKNOWN)] == ["Replication"]
    (run,) = runs(tmp_path)
    misset.faults([])
    assert where(run, aws)[plan.changes[-1].id] == "before"
    with reopen(run) as journal:
        assert resume(run, aws, journal, patience=QUICK).complete


OLD = '<?xml version="1.0"?><VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Status>Suspended</Status></VersioningConfiguration>'


def test_s3_may_answer_with_the_old_document_for_a_while(misset, aws, tmp_path):
    plan = world.plan(aws)
    misset.faults([{"operation": "GetBucketVersioning", "resource": "analytics", "skip": 1, "times": 2, "body": OLD}])
    assert go(plan, aws, tmp_path).complete


def test_a_write_that_is_never_seen_is_unverified_and_nothing_builds_on_it(misset, aws, tmp_path):
    plan = world.plan(aws)
    misset.faults([{"operation": "GetBucketVersioning", "resource": "analytics", "body": OLD}])
    outcome = go(plan, aws, tmp_path)
    assert [result.change.facet for result in outcome.of(State.UNVERIFIED)] == ["Versioning"]
    assert [result.change.facet for result in outcome.of(State.SKIPPED)] == ["Replication"]
    assert not outcome.complete


def test_a_grant_that_s3_does_not_see_yet_is_waited_for(misset, clients, aws, tmp_path):
    clients("lambda").remove_permission(FunctionName="on-export", StatementId="exports")
    plan = world.plan(aws)
    fault = {"operation": "PutBucketNotificationConfiguration", "status": 400, "code": "InvalidArgument", "times": 2}
    misset.faults([fault])
    assert go(plan, aws, tmp_path).complete


def test_rolling_back_leaves_alone_what_somebody_changed_and_what_that_needs(aws, clients, configuration, tmp_path):
    go(world.plan(aws), aws, tmp_path)
    s3 = clients("s3")
    replication = s3.get_bucket_replication(Bucket="orders-export")["ReplicationConfiguration"]
    replication["Rules"][0]["Destination"]["StorageClass"] = "STANDARD_IA"
    s3.put_bucket_replication(Bucket="orders-export", ReplicationConfiguration=replication)
    (run,) = runs(tmp_path)
    with reopen(run) as journal:
        outcome = rollback(run, aws, journal, patience=QUICK)
    assert [result.change.facet for result in outcome.of(State.LEFT_ALONE)] == ["Replication"]
    kept = {result.change.facet for result in outcome.of(State.SKIPPED)}
    assert kept == {"InlinePolicies", "Policy", "Versioning"}, "what replication needs stays"
    assert not outcome.complete
    assert s3.get_bucket_replication(Bucket="orders-export")["ReplicationConfiguration"] == replication
    assert runs(tmp_path)[0].state == "rolled_back_partly"


def test_a_change_in_several_calls_that_stops_half_way_is_told_and_finished(
    misset, clients, aws, configuration, tmp_path
):
    (base,) = [one for one in world.RULES if one.id == "replication-role-permissions"]
    grant = {
        "Sid": "A",
        "Effect": "Allow",
        "Action": "sqs:SendMessage",
        "Resource": "arn:aws:sqs:ap-northeast-1:111122223333:q",
    }
    second = world.rule(
        {
            "id": "second",
            "subject": "replication_role",
            "safety": "review",
            "edits": [
                {"facet": "InlinePolicies", "put_statements": {"policy": "auditor-second", "statements": [grant]}}
            ],
        }
    )
    before = configuration()
    plan = world.plan(aws, rules=(base, second))
    (change,) = plan.changes
    assert [call.operation for call in change.do] == ["PutRolePolicy", "PutRolePolicy"]
    misset.faults([{"operation": "PutRolePolicy", "skip": 1, "times": 1, "status": 403, "code": "AccessDenied"}])
    outcome = go(plan, aws, tmp_path)
    (result,) = outcome.results
    assert result.state is State.PARTLY and "1 of 2" in result.why
    (run,) = runs(tmp_path)
    assert where(run, aws)[change.id] == "between"
    with reopen(run) as journal:
        assert rollback(run, aws, journal, patience=QUICK).complete
    assert configuration() == before
    misset.faults([{"operation": "PutRolePolicy", "skip": 1, "times": 1, "status": 403, "code": "AccessDenied"}])
    go(plan, aws, tmp_path / "again")
    (run,) = runs(tmp_path / "again")
    with reopen(run) as journal:
        assert resume(run, aws, journal, patience=QUICK).complete
    assert world.plan(aws, rules=(base, second)).changes == ()


def test_two_that_apply_the_same_plan_at_once_both_find_it_done(misset, clients, aws, tmp_path):
    clients("lambda").remove_permission(FunctionName="on-export", StatementId="exports")
    plan = world.plan(aws)
    (grant,) = [
        change for change in plan.changes if change.facet == "Policy" and change.target.kind == "lambda.function"
    ]

    class Racing:
        """A door through which somebody else makes the call a moment earlier."""

        def ask(self, account, region):
            return aws.ask(account, region)

        def tell(self, account, region):
            def call(one):
                if one.operation == "AddPermission":
                    aws.tell(account, region)(one)
                return aws.tell(account, region)(one)

            return call

    with begin(plan, tmp_path) as journal:
        outcome = apply(plan, Racing(), journal, patience=QUICK)
    assert outcome.complete
    (result,) = [one for one in outcome.results if one.change.id == grant.id]
    assert "ResourceConflictException" in result.why
