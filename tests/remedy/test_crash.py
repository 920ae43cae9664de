"""Killed at any instant: after every line of the journal, in the middle of it, after every call."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.remedy import apply, begin, draft, reopen, resume, rollback, runs, save, unfinished
from auditor.standin.pipeline import build_misset
from tests.remedy import world
from tests.remedy.world import QUICK

GRANT = {
    "Sid": "A",
    "Effect": "Allow",
    "Action": "sqs:SendMessage",
    "Resource": "arn:aws:sqs:ap-northeast-1:111122223333:q",
}
SECOND = world.rule(
    {
        "id": "second",
        "subject": "replication_role",
        "safety": "review",
        "edits": [{"facet": "InlinePolicies", "put_statements": {"policy": "auditor-second", "statements": [GRANT]}}],
    }
)
CHOSEN = {
    "pitr-enabled",
    "versioning-enabled",
    "notification-hears-exports",
    "replication-role-permissions",
    "replication-delete-markers",
}
RULES = (*(one for one in world.RULES if one.id in CHOSEN), SECOND)
"""Five changes: one in two calls, one that needs two others, and two that stand alone."""

CHANGES, CALLS = 5, 6
LINES = 2 + 3 * CHANGES
UNDO_LINES = 2 + 2 * CHANGES


@pytest.fixture(scope="module")
def mortal():
    command = [sys.executable, "-W", "error", "-m", "tests.remedy.crash"]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=root) as process:
        yield process
        process.stdin.close()


@pytest.fixture(scope="module")
def known():
    """What is kept from test to test: the configuration before, after, and the plan."""
    return {}


@pytest.fixture
def ready(server, clients, profiles, configuration, known, tmp_path):
    """The mis-set pipeline (built anew only when the last test did not leave it as it was), and the plan's file."""
    if not known.get("clean"):
        server.reset()
        build_misset(clients)
        known["before"] = configuration()
    known["clean"] = False
    server.clear()
    with world.door() as aws:
        if "plan" not in known:
            seen = world.look(aws, rules=RULES)
            known["plan"] = draft(seen, world.failing(seen, RULES), RULES, safety=world.SAFETY)
            assert sum(len(change.do) for change in known["plan"].changes) == CALLS
            with begin(known["plan"], tmp_path / "reference") as journal:
                assert apply(known["plan"], aws, journal, patience=QUICK).complete
                assert len(journal.entries) == LINES
            known["after"] = configuration()
            (run,) = runs(tmp_path / "reference")
            with reopen(run) as journal:
                assert rollback(run, aws, journal, patience=QUICK).complete
                assert len(journal.entries) == LINES + UNDO_LINES
            assert configuration() == known["before"]
        save(known["plan"], tmp_path / "plan.json")
        yield aws


def killed(mortal, profiles, tmp_path, **order):
    """Let the other process work until it is killed; return whether it was."""
    order |= {"state_dir": str(tmp_path), "plan": str(tmp_path / "plan.json"), "env": profiles}
    mortal.stdin.write(json.dumps(order) + "\n")
    mortal.stdin.flush()
    assert int(mortal.stdout.readline()) == signal.SIGKILL


def instants(lines):
    """Every call and the first lines always; the rest takes minutes."""
    quick = [("torn", 1), ("line", 1), ("torn", 2), *(("call", number) for number in range(1, CALLS + 1))]
    every = [*(("line", number) for number in range(1, lines)), *(("torn", number) for number in range(1, lines + 1))]
    return [*quick, *(pytest.param(*each, marks=pytest.mark.slow) for each in every if each not in quick)]


@pytest.mark.parametrize(("when", "at"), instants(LINES))
def test_killed_while_applying_the_run_is_found_and_finished(
    ready, mortal, profiles, configuration, known, tmp_path, when, at
):
    killed(mortal, profiles, tmp_path, do="apply", when=when, at=at)
    found = unfinished(tmp_path)
    if (when, at) == ("torn", 1):
        assert found == () and runs(tmp_path) == ()
        assert configuration() == known["before"], "before the plan is on the disk nothing is written"
        known["clean"] = True
        return
    (run,) = found
    with reopen(run) as journal:
        assert resume(run, ready, journal, patience=QUICK).complete
    assert configuration() == known["after"]
    (run,) = runs(tmp_path)
    assert run.state == "finished"
    with reopen(run) as journal:
        assert rollback(run, ready, journal, patience=QUICK).complete
    assert configuration() == known["before"]
    known["clean"] = True


@pytest.mark.slow
@pytest.mark.parametrize(("when", "at"), instants(LINES)[1:])
def test_killed_while_applying_the_run_is_rolled_back(
    ready, mortal, profiles, configuration, known, tmp_path, when, at
):
    killed(mortal, profiles, tmp_path, do="apply", when=when, at=at)
    for run in unfinished(tmp_path):
        with reopen(run) as journal:
            assert rollback(run, ready, journal, patience=QUICK).complete
    assert configuration() == known["before"]
    assert unfinished(tmp_path) == ()
    known["clean"] = True


@pytest.mark.parametrize(("when", "at"), instants(UNDO_LINES))
def test_killed_while_rolling_back_the_rollback_is_finished(
    ready, mortal, profiles, configuration, known, tmp_path, when, at
):
    with begin(known["plan"], tmp_path) as journal:
        assert apply(known["plan"], ready, journal, patience=QUICK).complete
    killed(mortal, profiles, tmp_path, do="rollback", when=when, at=at)
    (run,) = runs(tmp_path)
    assert run.state == ("finished" if (when, at) == ("torn", 1) else "unfinished")
    with reopen(run) as journal:
        assert (rollback if run.state == "finished" else resume)(run, ready, journal, patience=QUICK).complete
    assert configuration() == known["before"]
    assert runs(tmp_path)[0].state == "rolled_back"
    known["clean"] = True


@pytest.mark.parametrize("at", [2, 4])
def test_killed_half_way_and_changed_by_somebody_since(ready, mortal, profiles, clients, configuration, tmp_path, at):
    killed(mortal, profiles, tmp_path, do="apply", when="call", at=at)
    s3 = clients("s3")
    document = s3.get_bucket_notification_configuration(Bucket="orders-export")
    document = {key: value for key, value in document.items() if key != "ResponseMetadata"}
    document["LambdaFunctionConfigurations"][0]["Events"] = ["s3:ObjectRemoved:*"]
    s3.put_bucket_notification_configuration(Bucket="orders-export", NotificationConfiguration=document)
    (run,) = unfinished(tmp_path)
    with reopen(run) as journal:
        outcome = resume(run, ready, journal, patience=QUICK)
    states = {result.change.facet: result.state.value for result in outcome.results}
    assert states["Notification"] == "stale"
    assert states["Replication"] == "done", "what does not need it is finished"
    assert s3.get_bucket_notification_configuration(Bucket="orders-export")["LambdaFunctionConfigurations"][0][
        "Events"
    ] == ["s3:ObjectRemoved:*"]
