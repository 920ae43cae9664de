"""The gate kit, exercised as far as it can be without its hosts: action.yml, the GitLab template, hooks, the Dockerfile."""

import json
import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from auditor.cases import snapshot_of
from auditor.demo import PIPELINE
from auditor.rulebook import load
from auditor.sources.saved import dumps

ROOT = Path(__file__).parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
GITLAB = yaml.safe_load((ROOT / "reports/templates/ci/gitlab.yml").read_text(encoding="utf-8"))


@pytest.fixture
def host(tmp_path):
    """A folder with a pipeline, a snapshot of it in which PITR is off, and stand-ins for gh and for the installed auditor."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "temp/auditor/venv/bin").mkdir(parents=True)
    _script(tmp_path / "bin/gh", 'printf "%s\\n" "$*" >> "$GH_LOG"')
    _script(tmp_path / "temp/auditor/venv/bin/auditor", f'exec {sys.executable} -m auditor "$@"')
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    for name, verdict in (("on", "pass"), ("off", "fail")):
        rule = next(rule for rule in load(vet=False) if rule.id == "pitr-enabled")
        case = next(case for case in rule.cases if case.expect.value == verdict)
        snapshot = snapshot_of(case)
        from auditor.pipeline import parse

        (pipeline,) = parse(PIPELINE, "pipeline.yaml")
        from dataclasses import replace

        (tmp_path / f"{name}.json").write_text(dumps([replace(snapshot, pipeline=pipeline)]), encoding="utf-8")
    return tmp_path


def _script(path, body):
    path.write_text(f"#!/bin/bash\n{body}\n", encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def step(host, name, **env):
    (found,) = [one for one in ACTION["runs"]["steps"] if one["name"] == name]
    environment = {
        **os.environ,
        "PATH": f"{host / 'bin'}:{os.environ['PATH']}",
        "FOLDER": str(host / "temp/auditor"),
        "GITHUB_OUTPUT": str(host / "output"),
        "GITHUB_STEP_SUMMARY": str(host / "summary"),
        "GITHUB_REPOSITORY": "owner/repo",
        "GITHUB_SHA": "0" * 40,
        "GITHUB_REF": "refs/pull/1/merge",
        "GH_LOG": str(host / "gh.log"),
        **env,
    }
    return subprocess.run(
        ["bash", "-c", found["run"]], cwd=host, env=environment, capture_output=True, text=True, check=False
    )


def audit(host, source):
    return step(
        host, "Audit", PIPELINES="pipeline.yaml", SOURCES=source, FAIL_ON="low", ARGUMENTS="--select pitr-enabled"
    )


@pytest.mark.parametrize(("snapshot", "code"), [("on", 0), ("off", 1), ("missing", 2)])
def test_the_action_gates_with_the_exit_code(host, snapshot, code):
    done = audit(host, f"snapshot:{snapshot}.json")
    assert f"exit-code={code}" in (host / "output").read_text(encoding="utf-8"), done.stdout + done.stderr
    assert step(host, "Gate", CODE=str(code)).returncode == code
    if code == 1:
        assert "::error file=pipeline.yaml" in done.stdout
        assert "pitr-enabled" in (host / "summary").read_text(encoding="utf-8")


def test_a_gate_without_an_exit_code_is_not_green(host):
    assert step(host, "Gate", CODE="").returncode == 5


def test_the_action_uploads_sarif_and_comments(host):
    audit(host, "snapshot:off.json")
    assert step(host, "Upload to code scanning").returncode == 0
    assert step(host, "Comment on the pull request", NUMBER="7").returncode == 0
    calls = (host / "gh.log").read_text(encoding="utf-8")
    assert "repos/owner/repo/code-scanning/sarifs" in calls
    assert "pr comment 7" in calls
    report = json.loads((host / "temp/auditor/report.json").read_text(encoding="utf-8"))
    assert report["exit_code"] == 1


def test_no_input_reaches_a_shell_as_code():
    for one in ACTION["runs"]["steps"]:
        assert "${{" not in one["run"], one["name"]
        assert "uses" not in one


def test_the_gitlab_job_runs_and_writes_its_reports(host):
    job = GITLAB["auditor"]
    script = "\n".join(job["script"]).replace("/tmp/auditor/bin/auditor", str(host / "temp/auditor/venv/bin/auditor"))
    env = {
        **os.environ,
        **job["variables"],
        "AUDITOR_SOURCES": "snapshot:off.json",
        "AUDITOR_ARGUMENTS": "--select pitr-enabled",
    }
    done = subprocess.run(["sh", "-c", script], cwd=host, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert json.loads((host / "gl-code-quality-report.json").read_text(encoding="utf-8"))
    for name in (*job["artifacts"]["paths"], *job["artifacts"]["reports"].values()):
        assert (host / name).exists(), name


def test_the_hooks_name_commands_that_exist():
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
    for hook in hooks:
        words = hook["entry"].split()
        assert words[0] == "auditor"
        done = subprocess.run(
            [sys.executable, "-m", "auditor", *words[1:2], "--help"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, hook["id"]


def test_the_image_runs_as_nobody_special():
    lines = (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    user = [line for line in lines if line.startswith("USER ")]
    assert re.fullmatch(r"USER [1-9]\d+", user[-1])
    assert lines.index(user[-1]) < next(index for index, line in enumerate(lines) if line.startswith("ENTRYPOINT"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell):
    env = {**os.environ, "_AUDITOR_COMPLETE": f"{shell}_source"}
    done = subprocess.run([sys.executable, "-m", "auditor"], env=env, capture_output=True, text=True, check=False)
    assert "_AUDITOR_COMPLETE" in done.stdout, done.stderr
