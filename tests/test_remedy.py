"""Plans and journals without AWS: what is composed, in which order, what stays, and that nothing altered is accepted."""

from __future__ import annotations

import copy
import json
import os
import random
import stat
from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from auditor.errors import SourceError, UsageError
from auditor.files import load_json, shipped
from auditor.kinds import KINDS
from auditor.model import NODES, Node, Safety, Unread, Waiver
from auditor.remedy import begin, digest, draft, dump, find, load, reopen, runs, save, unfinished
from auditor.remedy.change import between, digest_of, same
from auditor.remedy.order import NEEDS, ORDER
from tests.remedy import world

ROLE = "arn:aws:iam::111122223333:role/replication-source-role"
FUNCTION = "arn:aws:lambda:ap-northeast-1:111122223333:function:on-export"
MISSET = {
    "table": {
        "ContinuousBackups": {
            "ContinuousBackupsStatus": "ENABLED",
            "PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"},
        },
        "Description": {"TableName": "my-table", "DeletionProtectionEnabled": False, "ItemCount": 3},
    },
    "source_bucket": {
        "Versioning": {"Status": "Enabled"},
        "Notification": {
            "LambdaFunctionConfigurations": [
                {"Id": "x", "LambdaFunctionArn": FUNCTION, "Events": ["s3:ObjectCreated:Put"]}
            ]
        },
        "Replication": {
            "Role": ROLE,
            "Rules": [
                {
                    "ID": "a",
                    "Prefix": "",
                    "Status": "Enabled",
                    "Destination": {"Bucket": "arn:aws:s3:::orders-analytics"},
                }
            ],
        },
        "Lifecycle": None,
    },
    "consumer": {"Policy": None},
    "replication_role": {"Role": {"Arn": ROLE, "RoleName": "replication-source-role"}, "InlinePolicies": {}},
    "destination_bucket": {"Versioning": {}, "Policy": None, "Lifecycle": None},
}


def drafted(given=MISSET, *, unread=None, rules=world.RULES, findings=None, **settings):
    snapshot = world.snapshot(given, unread=unread)
    found = world.failing((snapshot,), rules) if findings is None else findings
    return draft((snapshot,), found, rules, **{"safety": Safety.REVIEW, **settings})


def spots(plan):
    return [(change.places[0][1], change.facet) for change in plan.changes]


# --- drafting ---------------------------------------------------------------------------------------------------------


def test_two_rules_that_mend_one_document_make_one_write():
    (change,) = [one for one in drafted().changes if one.facet == "Replication"]
    (rule,) = change.after["Rules"]
    assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}
    assert rule["Destination"]["Metrics"] == {"Status": "Enabled"}
    assert change.rules == ("replication-delete-markers", "replication-metrics")
    assert change.safety is Safety.REVIEW, "as bold as its boldest rule"
    assert change.cost.en == "Metrics are charged."
    assert [call.operation for call in change.do] == ["PutBucketReplication"]


def test_what_a_change_needs_comes_first_and_replication_last():
    plan = drafted()
    found = spots(plan)
    assert found == [spot for spot in ORDER if spot in found]
    assert found[-1] == ("source_bucket", "Replication")
    for change in plan.changes:
        assert set(change.depends_on) <= {one.id for one in plan.changes[: plan.changes.index(change)]}
    last = plan.changes[-1]
    needed = {one.facet for one in plan.changes if one.id in last.depends_on}
    assert needed == {"InlinePolicies", "Versioning", "Policy"}


def test_the_order_knows_every_facet_that_can_be_written_and_names_no_other():
    writable = {
        (node, row.name)
        for node, kinds in NODES.items()
        for kind in kinds
        for row in KINDS[kind].facets.values()
        if row.write
    }
    assert set(ORDER) == writable, "a facet that can be written needs a place in the order"
    for spot, needed in NEEDS.items():
        assert spot in ORDER and set(needed) <= set(ORDER)
        assert all(ORDER.index(one) < ORDER.index(spot) for one in needed)
    wanted = {
        (edit.node or subject, edit.facet)
        for rule in world.RULES
        for subject in rule.subjects
        for edit in rule.fix.edits
    }
    assert wanted <= set(ORDER)


def test_the_order_of_findings_does_not_matter():
    snapshot = world.snapshot(MISSET)
    found = list(world.failing((snapshot,)))
    plan = drafted()
    for seed in range(5):
        random.Random(seed).shuffle(found)
        other = drafted(findings=found)
        assert [dump(plan)[key] for key in ("changes", "left")] == [dump(other)[key] for key in ("changes", "left")]


def test_only_safe_fixes_unless_more_is_asked_for():
    plan = drafted(safety=Safety.SAFE)
    assert {change.safety for change in plan.changes} == {Safety.SAFE}
    assert {left.rule for left in plan.left if left.reason == "review"} == {
        "notification-target-permits",
        "replication-role-permissions",
        "destination-policy",
        "replication-delete-markers",
    }
    assert plan.counts["left_review"] == 4
    assert plan.counts["left_manual"] == 2


def test_a_manual_fix_is_told_and_never_done():
    (left, _) = [one for one in drafted().left if one.reason == "manual"]
    assert left.sentence.en == "Decide how long exports are kept."


def test_a_waived_finding_is_never_mended():
    waiver = Waiver("The table is a copy.", "data-team", date(2027, 1, 1))
    snapshot = world.snapshot(MISSET)
    found = [replace(one, waiver=waiver) if one.rule == "pitr-enabled" else one for one in world.failing((snapshot,))]
    plan = drafted(findings=found)
    assert ("table", "ContinuousBackups") not in spots(plan)
    assert [left.rule for left in plan.left if left.reason == "waived"] == ["pitr-enabled"]


@pytest.mark.parametrize("node", list(MISSET))
def test_a_facet_that_was_not_read_is_never_changed(node):
    for facet in MISSET[node]:
        given_documents = copy.deepcopy(MISSET)
        del given_documents[node][facet]
        plan = drafted(given_documents, unread={node: {facet: Unread("AccessDenied", "s3:Get")}})
        assert (node, facet) not in spots(plan)
        if facet != "Role":
            (said, *_) = [left.sentence for left in plan.left if left.reason == "unread"]
            assert said.en == f"{node}.{facet} is not known: AccessDenied (s3:Get)."


def test_a_document_with_an_unread_part_is_never_changed():
    documents = copy.deepcopy(MISSET)
    documents["replication_role"]["InlinePolicies"] = {"theirs": Unread("AccessDenied", "iam:GetRolePolicy")}
    plan = drafted(documents)
    assert ("replication_role", "InlinePolicies") not in spots(plan)
    (left,) = [one for one in plan.left if one.rule == "replication-role-permissions"]
    assert left.reason == "unread" and "AccessDenied" in left.sentence.en


def test_a_fix_that_does_not_fit_is_listed_with_its_sentence():
    documents = copy.deepcopy(MISSET)
    queue = {"Id": "q", "QueueArn": "arn:aws:sqs:ap-northeast-1:111122223333:q", "Events": ["s3:ObjectCreated:*"]}
    documents["source_bucket"]["Notification"] = {"QueueConfigurations": [queue]}
    plan = drafted(documents)
    (left,) = [one for one in plan.left if one.rule == "notification-hears-exports"]
    assert left.reason == "refused" and "overlapping" in left.sentence.en


def test_a_finding_that_nothing_here_mends_is_listed():
    documents = copy.deepcopy(MISSET)
    documents["table"]["Description"]["DeletionProtectionEnabled"] = True
    (left,) = [one for one in drafted(documents).left if one.rule == "table-deletion-protection"]
    assert left.reason == "refused" and "changes nothing" in left.sentence.en


def test_the_limit_keeps_the_first_changes_and_lists_the_rest():
    whole = drafted()
    for limit in range(len(whole.changes) + 1):
        plan = drafted(max_changes=limit)
        assert plan.changes == whole.changes[:limit]
        cut = {rule for change in whole.changes[limit:] for rule in change.rules}
        assert {left.rule for left in plan.left if left.reason == "limit"} == cut


def test_pipelines_that_share_a_resource_change_it_once():
    two = world.pipeline("second", destination_bucket=Node("destination_bucket", "s3.bucket", world.ANALYTICS, "other"))
    first = world.snapshot(MISSET)
    documents = copy.deepcopy(MISSET)
    second = replace(world.snapshot(documents, "second"), pipeline=two)
    second = replace(
        second,
        resources={
            **second.resources,
            "destination_bucket": world.resource(two.nodes["destination_bucket"], MISSET["destination_bucket"]),
        },
    )
    plan = draft((first, second), world.failing((first, second)), world.RULES, safety=Safety.REVIEW)
    (roles,) = [one for one in plan.changes if one.facet == "InlinePolicies"]
    replicas = roles.after["auditor-replication"]["Statement"][1]
    assert replicas["Resource"] == ["arn:aws:s3:::orders-analytics/*", "arn:aws:s3:::other/*"]
    assert roles.places == (("orders", "replication_role"), ("second", "replication_role"))
    assert len([one for one in plan.changes if one.facet == "ContinuousBackups"]) == 1
    (left,) = [one for one in plan.left if one.pipeline == "second" and one.rule == "replication-metrics"]
    assert left.reason == "refused", "the second pipeline has no rule of its own to amend"


def test_a_document_that_two_snapshots_disagree_on_is_not_changed():
    documents = copy.deepcopy(MISSET)
    documents["table"]["ContinuousBackups"]["PointInTimeRecoveryDescription"] = {"PointInTimeRecoveryStatus": "ENABLED"}
    both = (world.snapshot(MISSET), world.snapshot(documents, "second"))
    plan = draft(both, world.failing(both), world.RULES, safety=Safety.REVIEW)
    assert ("table", "ContinuousBackups") not in spots(plan)
    assert any("audit again" in left.sentence.en for left in plan.left)


def test_a_fix_that_needs_another_one_comes_after_it():
    add = world.rule(
        {
            "id": "z-replication-configured",
            "subject": "source_bucket",
            "safety": "review",
            "edits": [
                {
                    "facet": "Replication",
                    "add_replication_rule": {
                        "destination": "${destination_bucket.Arn}",
                        "prefix": "${source_bucket.ExportPrefix}",
                        "role": "${replication_role.Arn}",
                    },
                }
            ],
        }
    )
    documents = copy.deepcopy(MISSET)
    documents["source_bucket"]["Replication"] = None
    plan = drafted(documents, rules=(*world.RULES, add))
    (change,) = [one for one in plan.changes if one.facet == "Replication"]
    (rule,) = change.after["Rules"]
    assert rule["Destination"]["Metrics"] == {"Status": "Enabled"}
    assert rule["DeleteMarkerReplication"] == {"Status": "Enabled"}
    assert [call.operation for call in change.undo] == ["DeleteBucketReplication"]


def test_what_undoing_cannot_restore_is_in_the_plan():
    lossy = {change.facet: change.lossy for change in drafted().changes if change.lossy}
    assert set(lossy) == {"Versioning"}
    assert "Suspended" in lossy["Versioning"].en and "Suspended" in lossy["Versioning"].ja


# --- the same configuration -------------------------------------------------------------------------------------------


def test_what_moves_by_itself_is_no_change():
    row = KINDS["dynamodb.table"].facets["ContinuousBackups"]
    one = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED", "LatestRestorableDateTime": "1"}}
    two = {
        "PointInTimeRecoveryDescription": {
            "PointInTimeRecoveryStatus": "ENABLED",
            "LatestRestorableDateTime": "2",
            "RecoveryPeriodInDays": 35,
        }
    }
    assert same(row, one, two)
    assert not same(row, one, {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "DISABLED"}})


def test_between_is_made_of_both_ends_and_of_nothing_else():
    row = KINDS["iam.role"].facets["InlinePolicies"]
    a, b, c = ({"Statement": {"Effect": "Allow", "Action": f"s3:{name}", "Resource": "*"}} for name in "abc")
    before, after = {"one": a}, {"one": b, "two": c}
    assert between(row, before, {"one": b}, after)
    assert between(row, before, {"one": a, "two": c}, after)
    assert not between(row, before, {"one": c}, after)
    assert not between(row, before, {"one": b, "three": c}, after)
    assert not between(row, before, {"two": c}, after), "a part that both ends have cannot be gone"


# --- plan-v1 ----------------------------------------------------------------------------------------------------------


def test_a_plan_survives_the_disk(tmp_path):
    plan = drafted()
    save(plan, tmp_path / "plan.json")
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == 0o600
    again = load(tmp_path / "plan.json")
    assert dump(again) == dump(plan)
    assert digest(again) == digest(plan)
    Draft202012Validator(load_json(shipped("reports") / "schemas" / "plan-v1.json").value).validate(dump(plan))


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from leaves(part, (*path, index))
    else:
        yield path


def altered(value, path, new):
    result = copy.deepcopy(value)
    part = result
    for step in path[:-1]:
        part = part[step]
    part[path[-1]] = new
    return result


def resigned(value):
    """Someone who knows how digests are made."""
    value = copy.deepcopy(value)
    for change in value["changes"]:
        change["digest"] = digest_of({key: part for key, part in change.items() if key != "digest"})
    return {**value, "digest": digest_of({key: part for key, part in value.items() if key != "digest"})}


def write(tmp_path, value):
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(value))
    return path


def test_a_plan_that_was_altered_anywhere_is_refused(tmp_path):
    value = dump(drafted())
    for path in leaves(value):
        for new in ("x", None, 1):
            changed = altered(value, path, new)
            if changed != value:
                with pytest.raises(SourceError) as refusal:
                    load(write(tmp_path, changed))
                assert str(refusal.value)


def test_a_plan_cannot_bring_a_call_of_its_own_even_with_right_digests(tmp_path):
    value = dump(drafted())
    call = {"service": "s3", "operation": "DeleteBucket", "params": {"Bucket": "orders-export"}}
    for index, change in enumerate(value["changes"]):
        for name in ("do", "undo"):
            for calls in (
                [call],
                [*change[name], call],
                [{**change[name][0], "region": "us-east-1"}] if change[name] else [call],
            ):
                with pytest.raises(SourceError) as refusal:
                    load(write(tmp_path, resigned(altered(value, ("changes", index, name), calls))))
                assert "are not those that make this change" in str(refusal.value)


def test_a_plan_cannot_reach_what_auditor_does_not_write(tmp_path):
    value = dump(drafted())
    for facet in ("Location", "Acl", "Nothing"):
        index = next(i for i, change in enumerate(value["changes"]) if change["target"]["kind"] == "s3.bucket")
        with pytest.raises(SourceError) as refusal:
            load(write(tmp_path, resigned(altered(value, ("changes", index, "facet"), facet))))
        assert "does not write" in str(refusal.value)


def test_a_plan_cannot_be_reordered(tmp_path):
    value = dump(drafted())
    value["changes"].reverse()
    with pytest.raises(SourceError) as refusal:
        load(write(tmp_path, resigned(value)))
    assert "out of order" in str(refusal.value)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"version": "plan-v1"}', '{"version": "plan-v2"}', "\x00", '{"a": 1, "a": 2}']
)
def test_a_file_that_is_no_plan_gets_a_sentence(tmp_path, text):
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(Exception) as refusal:
        load(tmp_path / "plan.json")
    assert type(refusal.value).__name__ in {"SourceError", "InputError"}
    assert "plan.json" in str(refusal.value)


# --- journal-v1 -------------------------------------------------------------------------------------------------------


def journal_of(tmp_path, *events):
    with begin(drafted(), tmp_path) as journal:
        for event, data in events:
            journal.write(event, **data)
        return journal.path


EVENTS = (
    ("about", {"change": "aa", "before": {}, "after": {"Status": "Enabled"}, "calls": []}),
    ("done", {"change": "aa"}),
)


def test_the_journal_is_the_owners_alone_and_fits_its_schema(tmp_path):
    path = journal_of(tmp_path, *EVENTS, ("end", {"complete": True, "counts": {}}))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    validator = Draft202012Validator(load_json(shipped("reports") / "schemas" / "journal-v1.json").value)
    for line in path.read_text().splitlines():
        validator.validate(json.loads(line))
    (run,) = runs(tmp_path)
    assert run.id == path.stem and run.state == "finished"
    assert [entry.event for entry in run.entries] == ["begin", "about", "done", "end"]
    assert dump(run.plan) == dump(drafted()) | {key: dump(run.plan)[key] for key in ("made_at", "digest")}


def test_every_line_is_on_the_disk_before_write_returns(tmp_path, monkeypatch):
    synced = []
    fsync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (synced.append(os.fstat(handle).st_size), fsync(handle)))
    path = journal_of(tmp_path, *EVENTS)
    assert synced[-1] == path.stat().st_size
    assert len(synced) == 1 + 3, "the folder once, and each line"


def test_the_folder_is_that_of_the_xdg_specification(tmp_path, monkeypatch):
    from auditor.remedy.journal import folder

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert folder() == tmp_path / "auditor" / "runs"
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert folder() == tmp_path / "home" / ".local" / "state" / "auditor" / "runs"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert folder() == tmp_path / "home" / ".local" / "state" / "auditor" / "runs"


def test_a_run_of_another_version_can_still_be_rolled_back(tmp_path):
    """Another version may write the same document by other calls; a plan is refused then, a journal is not."""
    plan = drafted()
    older = replace(
        plan, changes=tuple(replace(one, do=(replace(one.do[0], region="us-east-1"),)) for one in plan.changes)
    )
    with pytest.raises(SourceError):
        load(write(tmp_path, dump(older)))
    with begin(older, tmp_path):
        pass
    (run,) = runs(tmp_path)
    assert [change.do for change in run.plan.changes] == [change.do for change in plan.changes]


def test_two_processes_never_work_on_one_run(tmp_path):
    with begin(drafted(), tmp_path):
        (run,) = runs(tmp_path)
        assert run.state == "running"
        assert unfinished(tmp_path) == ()
        with pytest.raises(UsageError, match="Another process"):
            reopen(run)
    (run,) = unfinished(tmp_path)
    assert run.state == "unfinished"
    with reopen(run) as journal:
        journal.write("end", complete=False, counts={})
    assert unfinished(tmp_path) == ()
    assert runs(tmp_path)[0].state == "incomplete"


def test_runs_are_listed_and_found(tmp_path):
    first, second = journal_of(tmp_path), journal_of(tmp_path)
    assert [run.id for run in runs(tmp_path)] == [first.stem, second.stem]
    assert find("last", tmp_path).id == second.stem
    third = journal_of(tmp_path, *EVENTS)
    fourth = journal_of(tmp_path)
    assert find("last", tmp_path).id == third.stem, "the newest that wrote something"
    fourth.unlink()
    third.unlink()
    assert find(first.stem, tmp_path).id == first.stem
    with pytest.raises(UsageError, match="is no run"):
        find("1999", tmp_path)
    with pytest.raises(UsageError, match="any of 2 runs"):
        find("2", tmp_path)
    with pytest.raises(UsageError, match="is no run"):
        find("last", tmp_path / "nowhere")
    assert runs(tmp_path / "nowhere") == ()


@settings(deadline=None)
@given(st.data())
def test_a_torn_last_line_is_understood_wherever_it_tears(tmp_path_factory, data):
    tmp_path = tmp_path_factory.mktemp("torn")
    path = journal_of(tmp_path, *EVENTS)
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    cut = data.draw(st.integers(1, len(lines[-1]) - 1))
    path.write_bytes(b"".join(lines[:-1]) + lines[-1][:cut])
    (run,) = runs(tmp_path)
    whole = cut == len(lines[-1]) - 1
    assert [entry.event for entry in run.entries] == ["begin", "about", "done"][: 3 if whole else 2]
    with reopen(run) as journal:
        journal.write("resume")
        journal.write("end", complete=True, counts={})
    (run,) = runs(tmp_path)
    assert run.state == "finished"
    assert path.read_bytes().startswith(b"".join(lines[:-1]) + lines[-1][:cut]), (
        "append-only: not even the torn line is removed"
    )


def test_a_journal_that_was_tampered_with_is_refused(tmp_path):
    path = journal_of(tmp_path, *EVENTS, ("end", {"complete": True, "counts": {}}))
    lines = path.read_bytes().splitlines(keepends=True)
    swapped = [lines[0], lines[2], lines[1], lines[3]]
    taken_out = [lines[0], *lines[2:]]
    edited = [lines[0], lines[1].replace(b"Enabled", b"Disabled"), *lines[2:]]
    twice = [lines[0], lines[1], lines[1], *lines[2:]]
    damaged = [lines[0], lines[1][:40] + b"\n", *lines[2:]]
    body = json.loads(lines[1])
    body["after"] = {"Status": "Suspended"}
    body["digest"] = digest_of({key: value for key, value in body.items() if key != "digest"})
    resigned_line = [lines[0], json.dumps(body).encode() + b"\n", *lines[2:]]
    for wrong in (swapped, taken_out, edited, twice, damaged, resigned_line, lines[1:]):
        path.write_bytes(b"".join(wrong))
        with pytest.raises(SourceError) as refusal:
            runs(tmp_path)
        assert "not as it was written" in str(refusal.value) and path.name in str(refusal.value)
    path.write_bytes(b"".join(lines))
    other = path.with_name("20260101T000000000000Z-00000000.jsonl")
    path.rename(other)
    with pytest.raises(SourceError):
        runs(tmp_path)


def test_a_journal_that_cannot_be_made_is_told_before_anything_is_written(tmp_path):
    (tmp_path / "runs").write_text("a file where a folder should be")
    with pytest.raises(UsageError, match="cannot be created"):
        begin(drafted(), tmp_path)


def test_a_full_disk_stops_before_the_call(tmp_path, monkeypatch):
    with begin(drafted(), tmp_path) as journal:

        def full(handle, content):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("auditor.remedy.journal._write_whole", full)
        with pytest.raises(UsageError, match="no space left"):
            journal.write("about", change="aa")


# --- golden examples --------------------------------------------------------------------------------------------------


def example():
    return replace(drafted(), made_at="2026-01-15T09:30:00Z", version="0.1.0")


def test_the_example_of_plan_v1_is_what_a_plan_looks_like():
    file = shipped("reports") / "examples" / "plan-v1.json"
    assert json.loads(file.read_text(encoding="utf-8")) == dump(example()), (
        "python -m tests.remedy.examples writes it anew"
    )
    assert dump(load(file)) == dump(example())


def test_the_example_of_journal_v1_is_what_a_journal_looks_like(tmp_path):
    file = shipped("reports") / "examples" / "journal-v1.jsonl"
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    validator = Draft202012Validator(load_json(shipped("reports") / "schemas" / "journal-v1.json").value)
    for line in lines:
        validator.validate(line)
    assert lines[0]["plan"] == dump(example())
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / f"{lines[0]['run']}.jsonl").write_text(file.read_text(encoding="utf-8"))
    (run,) = runs(tmp_path)
    assert run.state == "rolled_back"
    assert [entry.event for entry in run.entries] == [line["event"] for line in lines]
