"""Pipelines read over HTTP: everything once, refusals as knowledge, time and interrupts respected, and saved for later."""

from __future__ import annotations

import collections
import functools
import json
import threading
from dataclasses import replace

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor import sources
from auditor.aws import Aws, Patience
from auditor.errors import Place, SourceError, UsageError
from auditor.kinds import KINDS
from auditor.model import Account, Node, Pipeline, Resource, Snapshot, Unread
from auditor.run import Settings
from auditor.sources import live, saved
from auditor.standin import serve
from auditor.standin.pipeline import Names, build_golden

REGION = "ap-northeast-1"
PRODUCTION = Account("production", "111122223333", REGION, profile="production")
ANALYTICS = Account("analytics", "444455556666", REGION, profile="analytics")
HASTY = Patience(first_wait=0.001, longest_wait=0.002)


def orders(name="orders", *, production=PRODUCTION, analytics=ANALYTICS):
    nodes = (
        Node("table", "dynamodb.table", production, "my-table"),
        Node("exporter", "iam.role", production, "export-job"),
        Node("source_bucket", "s3.bucket", production, "orders-export", {"prefix": "exports/"}),
        Node("consumer", "lambda.function", production, "on-export"),
        Node("replication_role", "iam.role", production, "replication-source-role"),
        Node("destination_bucket", "s3.bucket", analytics, "orders-analytics"),
    )
    return Pipeline(name, {node.name: node for node in nodes}, {"production": production, "analytics": analytics})


def asked(kind):
    """Return the facets that AWS is asked for; what a plan is about to change is none of them."""
    return {name for name, row in KINDS[kind].facets.items() if row.calls}


def everything(*pipelines):
    return {
        one.name: {(name, facet) for name, node in one.nodes.items() for facet in asked(node.kind)} for one in pipelines
    }


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with serve() as running, pytest.MonkeyPatch.context() as patch:
        running.reset()
        clients = []

        @functools.cache
        def client(service, account, region=REGION):
            session = boto3.Session(account, "x", region_name=region)
            clients.append(session.client(service, endpoint_url=running.url))
            return clients[-1]

        build_golden(client, Names())
        for one in clients:
            one.close()
        config = tmp_path_factory.mktemp("aws") / "config"
        config.write_text(
            "".join(
                f"[profile {name}]\naws_access_key_id = {key}\naws_secret_access_key = x\nendpoint_url = {running.url}\n"
                for name, key in (("production", "111122223333"), ("analytics", "444455556666"))
            )
        )
        patch.setenv("AWS_CONFIG_FILE", str(config))
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(config.parent / "none"))
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield running


@pytest.fixture
def standin(server):
    server.clear()
    yield server
    server.clear()


@pytest.fixture
def aws(standin):
    with Aws(patience=HASTY) as door:
        yield door


def counted(standin):
    return collections.Counter((c["service"], c["operation"], c["resource"], c["account"]) for c in standin.calls())


def test_all_that_is_wanted_of_a_pipeline_is_read(aws):
    pipeline, told = orders(), []
    [snapshot] = live.read(
        [pipeline], everything(pipeline), aws, progress=lambda done, total: told.append((done, total))
    )
    assert snapshot.pipeline is pipeline
    assert snapshot.source == "live"
    assert snapshot.taken_at.endswith("Z")
    for name, node in pipeline.nodes.items():
        assert not snapshot.resources[name].unread
        assert set(snapshot.resources[name].facets) == asked(node.kind)
    assert snapshot.resources["replication_role"].arn == "arn:aws:iam::111122223333:role/replication-source-role"
    assert snapshot.resources["source_bucket"].facets["Versioning"] == {"Status": "Enabled"}
    assert snapshot.resources["destination_bucket"].facets["Replication"] is None
    total = sum(len(asked(node.kind)) for node in pipeline.nodes.values())
    assert told == [(n, total) for n in range(1, total + 1)]


def test_no_call_is_made_twice_however_many_pipelines_share_it(aws, standin):
    pipelines = [orders(f"orders-{n}") for n in range(5)]
    alone = orders("other")
    alone = replace(alone, nodes={"source_bucket": replace(alone.nodes["source_bucket"], settings={"prefix": "more/"})})
    snapshots = list(live.read([*pipelines, alone], everything(*pipelines, alone), aws, concurrency=16))
    assert [one.pipeline.name for one in snapshots] == [*(f"orders-{n}" for n in range(5)), "other"]
    twice = {call: times for call, times in counted(standin).items() if times > 1}
    # Another prefix is another question: what lies under it.
    assert twice == {
        ("s3", "ListObjectVersions", "orders-export", "111122223333"): 2,
        ("s3", "ListMultipartUploads", "orders-export", "111122223333"): 2,
    }
    assert aws.usage().calls == len(standin.calls())
    assert aws.usage().retries == 0


def test_nothing_is_read_that_no_rule_wants(aws, standin):
    pipeline = orders()
    needs = {"orders": {("source_bucket", "Versioning"), ("replication_role", "Trust"), ("replication_role", "Role")}}
    [snapshot] = live.read([pipeline], needs, aws)
    assert sorted(call["operation"] for call in standin.calls()) == [
        "GetBucketVersioning",
        "GetCallerIdentity",
        "GetRole",
    ]
    assert set(snapshot.resources) == set(pipeline.nodes)
    assert snapshot.resources["table"].facets == {}
    assert snapshot.resources["table"].unread == {}


def test_a_refused_read_is_unread_with_the_permission_and_the_rest_is_read(aws, standin):
    standin.faults(
        [
            {"operation": "GetBucketReplication", "status": 403, "code": "AccessDenied"},
            {"operation": "GetRolePolicy", "resource": "export-job", "status": 403, "code": "AccessDenied"},
            {"service": "dynamodb", "operation": "DescribeExport", "status": 400, "code": "AccessDeniedException"},
        ]
    )
    pipeline = orders()
    [snapshot] = live.read([pipeline], everything(pipeline), aws)
    bucket, table = snapshot.resources["source_bucket"], snapshot.resources["table"]
    assert {name: (why.reason, why.permission) for name, why in bucket.unread.items()} == {
        "Replication": ("AccessDenied", "s3:GetReplicationConfiguration")
    }
    assert table.unread["Exports"].permission == "dynamodb:DescribeExport"
    assert "Exports" not in table.facets
    # One policy of the role is not known; that there is one, and the other facets, are.
    role = snapshot.resources["exporter"]
    assert role.facets["InlinePolicies"]["pipeline"].permission == "iam:GetRolePolicy"
    assert not role.unread


@pytest.mark.parametrize(
    ("operation", "fault", "reason"),
    [
        ("GetBucketVersioning", {"body": "<Versio"}, "Malformed"),
        ("DescribeTable", {"body": "{}"}, "Malformed"),
        ("DescribeTable", {"expired": True}, "ExpiredToken"),
        ("GetFunctionConfiguration", {"drop": True}, "Unreachable"),
        ("GetRole", {"status": 400, "code": "Throttling"}, "Throttling"),
        ("GetBucketPolicy", {"body": '{"Statement": []'}, "Malformed"),
        ("GetBucketPolicy", {"body": '{"Statement": [], "Statement": []}'}, "Malformed"),
    ],
)
def test_no_failure_is_raised_and_none_is_an_answer(aws, standin, operation, fault, reason):
    standin.faults([{"operation": operation, **fault}])
    pipeline = orders()
    [snapshot] = live.read([pipeline], everything(pipeline), aws)
    unread = [why for one in snapshot.resources.values() for why in one.unread.values()]
    assert unread
    assert {why.reason for why in unread} == {reason}
    assert all(why.detail for why in unread)


def test_with_a_third_of_all_calls_throttled_everything_is_read(standin):
    standin.faults([{"probability": 0.35, "seed": 3, "status": 503, "code": "SlowDown"}])
    pipelines = [orders(f"orders-{n}") for n in range(3)]
    with Aws(patience=HASTY) as aws:
        snapshots = list(live.read(pipelines, everything(*pipelines), aws))
        assert not [why for one in snapshots for node in one.resources.values() for why in node.unread.values()]
        assert aws.usage().retries > 0


def test_a_wrong_account_is_unknown_and_asked_nothing_more(aws, standin):
    mistaken = replace(ANALYTICS, id="999999999999")
    pipeline = orders(analytics=mistaken)
    [snapshot] = live.read([pipeline], everything(pipeline), aws)
    unread = snapshot.resources["destination_bucket"].unread
    assert set(unread) == asked("s3.bucket")
    assert {why.reason for why in unread.values()} == {"WrongAccount"}
    assert [c["operation"] for c in standin.calls() if c["account"] == "444455556666"] == ["GetCallerIdentity"]
    assert not snapshot.resources["source_bucket"].unread


def test_a_node_that_only_a_template_names_is_not_asked_for(aws, standin):
    pipeline = orders()
    nodes = {"table": Node("table", "dynamodb.table", PRODUCTION, "", {}, {"terraform": "aws_dynamodb_table.t"})}
    [snapshot] = live.read([replace(pipeline, nodes=nodes)], {"orders": {("table", "Policy")}}, aws)
    assert snapshot.resources["table"].unread["Policy"].reason == "NotDeclared"
    assert standin.calls() == []


def test_when_the_time_is_over_the_rest_is_unread(aws, standin):
    standin.faults([{"operation": "GetBucketReplication", "delay": 15.0}])
    pipelines = [orders("first"), orders("second")]
    needs = {
        "first": {("source_bucket", "Versioning"), ("source_bucket", "Replication")},
        "second": {("destination_bucket", "Replication"), ("table", "Description")},
    }
    first, second = live.read(pipelines, needs, aws, deadline=3.0)
    assert first.resources["source_bucket"].facets["Versioning"] == {"Status": "Enabled"}
    assert first.resources["source_bucket"].unread["Replication"].reason == "Timeout"
    assert second.resources["destination_bucket"].unread["Replication"].reason == "Timeout"
    assert "Description" in second.resources["table"].facets


def test_an_interrupt_ends_the_run_and_keeps_what_was_read(aws, standin):
    standin.faults([{"operation": "GetBucketReplication", "delay": 15.0}])
    pipeline, stop = orders(), threading.Event()

    def progress(done, _total):
        if done == 1:
            threading.Timer(0.1, stop.set).start()

    needs = {"orders": {("source_bucket", "Versioning"), ("source_bucket", "Replication")}}
    [snapshot] = live.read([pipeline], needs, aws, progress=progress, interrupted=stop.is_set)
    assert snapshot.resources["source_bucket"].facets["Versioning"] == {"Status": "Enabled"}
    assert snapshot.resources["source_bucket"].unread["Replication"].reason == "Interrupted"


def test_a_fault_of_the_program_is_not_hidden(aws, monkeypatch):
    def broken(_ask, _target):
        raise ZeroDivisionError

    row = replace(KINDS["dynamodb.table"].facets["Description"], read=broken)
    kind = replace(KINDS["dynamodb.table"], facets={"Description": row})
    monkeypatch.setitem(KINDS.rows, "dynamodb.table", kind)
    with pytest.raises(ZeroDivisionError):
        list(live.read([orders()], {"orders": {("table", "Description")}}, aws))


def test_threads_end_with_the_run(aws):
    before = threading.active_count()
    pipeline = orders()
    reading = live.read([pipeline], everything(pipeline), aws)
    next(reading)
    reading.close()
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread.daemon:
            thread.join(0.5)
    assert threading.active_count() <= before + 1


@pytest.fixture
def snapshot(aws):
    pipeline = replace(
        orders(production=replace(PRODUCTION, external_id="sesame", assume_role="arn:aws:iam::111122223333:role/x")),
        intent={"wake_on": "exports", "recovery_period_days": 35},
        place=Place("pipeline.yaml", 7, 3),
    )
    needs = everything(pipeline)
    [found] = live.read([orders()], needs, aws)
    known = dict(found.resources)
    bucket = known["source_bucket"]
    known["source_bucket"] = replace(
        bucket,
        facets={**{k: v for k, v in bucket.facets.items() if k != "Acl"}, "Policy": Unread("AccessDenied", "p", "d")},
        unread={"Acl": Unread("AccessDenied", "s3:GetBucketAcl", "said so")},
        origin={"Versioning.Status": Place("main.tf", 12, 3), "": Place("main.tf", 1, 1)},
    )
    nodes = pipeline.nodes
    return replace(found, pipeline=pipeline, resources={n: replace(r, node=nodes[n]) for n, r in known.items()})


def test_a_saved_snapshot_says_all_that_was_read_and_not_read(snapshot, tmp_path):
    path = tmp_path / "s.json"
    saved.dump([snapshot, replace(snapshot, pipeline=replace(snapshot.pipeline, name="again"))], path)
    first, second = saved.load(path)
    assert second.pipeline.name == "again"
    assert first.source == f"snapshot:{path}"
    assert first.taken_at == snapshot.taken_at
    assert first.pipeline.intent == snapshot.pipeline.intent
    for name, one in snapshot.resources.items():
        back = first.resources[name]
        assert (back.facets, back.unread, back.origin) == (one.facets, one.unread, one.origin)
        assert (back.attributes, back.aliases) == (one.attributes, one.aliases)
        assert (back.node.id, back.node.kind, back.node.settings) == (one.node.id, one.node.kind, one.node.settings)


def test_a_saved_snapshot_holds_nothing_to_get_in_with(snapshot, tmp_path):
    saved.dump([snapshot], tmp_path / "s.json")
    text = (tmp_path / "s.json").read_text()
    assert "sesame" not in text
    assert "role/x" not in text
    assert '"profile"' not in text


def test_a_saved_snapshot_can_stand_for_aws(snapshot, tmp_path):
    saved.dump([snapshot], tmp_path / "s.json")
    pipeline = replace(orders(), intent={"wake_on": "all_objects"})
    moved = replace(pipeline.nodes["table"], id="other-table")
    pipeline = replace(pipeline, nodes={**pipeline.nodes, "table": moved})
    needs = {"orders": {("table", "Description"), ("source_bucket", "Versioning"), ("source_bucket", "Acl")}}
    name = f"snapshot:{tmp_path / 's.json'}"
    [found] = sources.read([pipeline], needs, [name], aws=None, options=Settings())
    assert found.pipeline is pipeline
    assert found.resources["source_bucket"].facets["Versioning"] == {"Status": "Enabled"}
    assert found.resources["source_bucket"].unread["Acl"].permission == "s3:GetBucketAcl"
    assert found.resources["table"].unread["Description"].reason == "NotInSnapshot"
    assert "my-table" in str(found.resources["table"].unread["Description"].detail)
    assert "Description" not in found.resources["table"].facets


def test_of_several_sources_the_first_that_knows_is_believed(aws, snapshot, tmp_path):
    partly = snapshot.resources["source_bucket"]
    partly = replace(partly, facets={"Versioning": {"Status": "Suspended"}}, unread={})
    saved.dump([replace(snapshot, resources={"source_bucket": partly})], tmp_path / "s.json")
    needs = {"orders": {("source_bucket", "Versioning"), ("source_bucket", "Location")}}
    names = [f"snapshot:{tmp_path / 's.json'}", "live"]
    [found] = sources.read([orders()], needs, names, aws=aws, options=Settings())
    assert found.resources["source_bucket"].facets["Versioning"] == {"Status": "Suspended"}
    assert found.resources["source_bucket"].facets["Location"] == {"Region": REGION}
    assert found.resources["source_bucket"].unread == {}
    assert found.source == ", ".join([names[0], "live"])


@pytest.mark.parametrize("name", ["", "lives", "snapshot:", "snapshot", "live"])
def test_a_source_that_does_not_exist_is_said_so(name):
    with pytest.raises(UsageError, match="is no source"):
        list(sources.read([orders()], {}, [name], aws=None, options=Settings()))


def spoilt(text, change):
    content = json.loads(text)
    change(content)
    return json.dumps(content)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: "", "s.json"),
        (lambda text: "[]", "no snapshot-v1"),
        (lambda text: text[:-200], "s.json:"),
        (lambda text: text.replace("snapshot-v1", "snapshot-v9"), "snapshot-v9"),
        (lambda text: text.replace('"Enabled"', '"Suspended"'), "changed since"),
        (lambda text: spoilt(text, lambda c: c.pop("digest")), "digest"),
        (lambda text: spoilt(text, lambda c: c["snapshots"][0].pop("resources")), "resources"),
        (lambda text: spoilt(text, lambda c: c["snapshots"][0]["pipeline"]["nodes"]["table"].update(kind=5)), "kind"),
    ],
    ids=["empty", "list", "cut", "version", "changed", "unsealed", "incomplete", "mistyped"],
)
def test_a_file_that_is_no_snapshot_is_refused_with_a_sentence(snapshot, tmp_path, spoil, said):
    path = tmp_path / "s.json"
    path.write_text(spoil(saved.dumps([snapshot])))
    with pytest.raises(SourceError) as caught:
        saved.load(path)
    assert str(path) in str(caught.value)
    assert said in str(caught.value)


def test_a_kind_of_a_later_version_is_refused(snapshot, tmp_path):
    content = json.loads(saved.dumps([snapshot]))
    content["snapshots"][0]["pipeline"]["nodes"]["table"]["kind"] = "dynamodb.cube"
    content["digest"] = saved.digest(content)
    (tmp_path / "s.json").write_text(json.dumps(content))
    with pytest.raises(SourceError, match=r"dynamodb\.cube"):
        saved.load(tmp_path / "s.json")


TEXTS = st.sampled_from(["$unread", "$as-is", "a", "b", ""]) | st.text(max_size=3)
PARTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.builds(Unread, st.text(), st.text(), st.text()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(facets=st.dictionaries(st.text(min_size=1, max_size=5), PARTS, max_size=3))
def test_any_document_survives_saving(facets, tmp_path_factory):
    node = Node("table", "dynamodb.table", Account("a", "111122223333", REGION), "t")
    pipeline = Pipeline("p", {"table": node}, {"a": node.account})
    path = tmp_path_factory.getbasetemp() / "any.json"
    saved.dump([Snapshot(pipeline, {"table": Resource(node, facets)})], path)
    [back] = saved.load(path)
    assert back.resources["table"].facets == facets
