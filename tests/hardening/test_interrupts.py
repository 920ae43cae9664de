"""Ctrl-C and SIGTERM: soon over, true about what was seen, and never between two states of a fix."""

import json
import signal
import time

import pytest

# Without the interrupt a run would wait three times as long.
SOON = 30.0
# A process on a busy machine is given its start; what is measured begins with the signal.
LEISURE = 60


def _struck(process, server, operation, number):
    """Send a signal once an operation has been asked; return exit code, both outputs and the seconds from the signal."""
    until = time.monotonic() + LEISURE
    while not any(one["operation"] == operation for one in server.calls()):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.7)
    begun = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=LEISURE)
    return process.returncode, out, err, time.monotonic() - begun


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_audit_reports_what_it_read(golden, number):
    golden.server.faults([{"operation": "GetBucketReplication", "delay": 90.0}])
    process = golden.start("audit", "pipeline.yaml", "--format", "json", "--output", "r.json", "--format", "table")
    code, out, err, seconds = _struck(process, golden.server, "GetBucketReplication", number)
    assert code == 130
    assert seconds < SOON
    assert "Traceback" not in out + err
    report = json.loads((golden.folder / "r.json").read_text(encoding="utf-8"))
    verdict = {(one["rule"], one["node"]): one["verdict"] for one in report["findings"]}
    assert verdict[("versioning-enabled", "source_bucket")] == "pass"
    assert verdict[("replication-configured", "source_bucket")] == "unknown"
    assert "fail" not in verdict.values()
    assert "Interrupted" in json.dumps(report["findings"])
    assert report["totals"]["read"] < report["totals"]["declared"]
    assert "interrupted" in out


def test_an_interrupt_before_a_fix_changes_nothing(misset):
    misset.server.faults([{"operation": "GetBucketReplication", "delay": 90.0}])
    process = misset.start("audit", "pipeline.yaml", "--fix", "--yes", "--format", "json")
    code, out, _, seconds = _struck(process, misset.server, "GetBucketReplication", signal.SIGINT)
    assert code == 130
    assert seconds < SOON
    assert json.loads(out)["findings"]
    assert not [one for one in misset.server.calls() if one["operation"].startswith(("Put", "Update"))]
    assert not list(misset.folder.rglob("runs/*.jsonl"))


@pytest.mark.parametrize("verb", ["plan", "snapshot"])
def test_what_is_kept_is_whole_or_not_kept(misset, verb):
    misset.server.faults([{"operation": "GetBucketReplication", "delay": 90.0}])
    process = misset.start(verb, "pipeline.yaml", "-o", "kept.json")
    code, _, err, seconds = _struck(process, misset.server, "GetBucketReplication", signal.SIGINT)
    assert (code, err.splitlines()[-1]) == (130, "Interrupted.")
    assert seconds < SOON
    assert not (misset.folder / "kept.json").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["ctrl-c", "sigterm"])
@pytest.mark.parametrize("operation", ["UpdateContinuousBackups", "PutBucketVersioning"])
def test_an_interrupted_fix_can_be_finished_or_undone(misset, number, operation):
    misset.server.faults([{"operation": operation, "delay": 90.0, "status": 500, "times": 1}])
    process = misset.start("audit", "pipeline.yaml", "--fix", "--yes", "--state-dir", "journals")
    code, _, err, seconds = _struck(process, misset.server, operation, number)
    assert code == 130
    assert seconds < SOON
    assert "Traceback" not in err
    misset.server.clear()
    [journal] = (misset.folder / "journals" / "runs").iterdir()
    assert f"auditor apply --resume {journal.stem}" in err
    listed = misset.run("runs", "--state-dir", "journals")
    assert "unfinished" in listed.stdout
    done = misset.run("apply", "--resume", journal.stem, "--yes", "--state-dir", "journals")
    assert done.returncode == 0, done.stderr
    undone = misset.run("rollback", journal.stem, "--yes", "--state-dir", "journals")
    assert undone.returncode == 0, undone.stderr
    assert "rolled_back" in misset.run("runs", "--state-dir", "journals").stdout


def test_a_second_ctrl_c_ends_at_once(golden):
    golden.server.faults([{"operation": "GetBucketReplication", "delay": 90.0}])
    process = golden.start("audit", "pipeline.yaml")
    code, *_ = _struck(process, golden.server, "GetBucketReplication", signal.SIGINT)
    assert code == 130


def test_time_over_is_no_hang_and_no_lie(golden):
    golden.server.faults([{"service": "s3", "operation": "GetBucketVersioning", "delay": 40.0}])
    begun = time.monotonic()
    report = golden.report("--timeout", "5")
    assert time.monotonic() - begun < 30
    verdict = {(one["rule"], one["node"]): one["verdict"] for one in report["findings"]}
    assert verdict[("versioning-enabled", "source_bucket")] == "unknown"
    assert verdict[("pitr-enabled", "table")] == "pass"
    assert "Timeout" in json.dumps(report["findings"])
