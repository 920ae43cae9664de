"""No space left: one sentence, no half file, and nothing written to AWS that the journal does not know."""

import json

from auditor.remedy import begin, load, runs

WRITES = ("Put", "Update", "Delete", "Create", "Add")


def written(stage):
    return [one["operation"] for one in stage.server.calls() if one["operation"].startswith(WRITES)]


def cramped(stage, size, *words):
    """Run the command where no file may grow beyond a size."""
    return stage.run(*words, before=["prlimit", f"--fsize={size}"])


def test_without_room_for_the_journal_nothing_is_changed_and_the_run_can_be_finished(misset, tmp_path):
    drawn = misset.run("plan", "pipeline.yaml", "-o", "plan.json")
    assert drawn.returncode == 1, drawn.stderr
    misset.server.clear()
    with begin(load(misset.folder / "plan.json"), tmp_path / "measure") as journal:
        size = journal.path.stat().st_size
    for name, room in (("small", 300), ("half", size + 40)):
        done = cramped(misset, room, "apply", "plan.json", "--yes", "--state-dir", name)
        assert done.returncode == 2, done.stderr
        assert "the journal cannot be written: file too large." in done.stderr
        assert "Traceback" not in done.stderr
        assert written(misset) == []
    assert runs(misset.folder / "small") == ()
    [run] = runs(misset.folder / "half")
    assert run.state == "unfinished"
    resumed = misset.run("apply", "--resume", run.id, "--yes", "--state-dir", "half")
    assert resumed.returncode == 0, resumed.stderr
    assert written(misset)
    undone = misset.run("rollback", run.id, "--yes", "--state-dir", "half")
    assert undone.returncode == 0, undone.stderr


def test_a_file_is_whole_or_not_there_and_a_report_needs_no_history(broken_world):
    before = {one.name for one in broken_world.folder.iterdir()}
    for word in ("plan", "snapshot"):
        done = cramped(broken_world, 1000, word, "pipeline.yaml", "-o", "out.json")
        assert done.returncode == 2, done.stderr
        assert "out.json: The file cannot be written: file too large." in done.stderr
        assert {one.name for one in broken_world.folder.iterdir()} == before
    done = cramped(broken_world, 6000, "audit", "pipeline.yaml", "--history", "h.db", "--format", "json")
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["findings"]
    assert "The run is not in the history" in done.stderr
    assert "Traceback" not in done.stderr
