"""The command line as a user meets it: exit codes, sentences, streams, and what it costs."""

import json
import os
import subprocess
import sys

import pytest

from auditor.aws.plain_client import client as plain_client
from auditor.demo import _PROFILES, PIPELINE
from auditor.standin import serve
from auditor.standin.pipeline import build_golden, build_misset

PRODUCTION, ANALYTICS, REGION = "111122223333", "444455556666", "ap-northeast-1"


@pytest.fixture(scope="module")
def server():
    with serve(isolated=True) as running:
        yield running


@pytest.fixture(scope="module")
def golden(server, tmp_path_factory):
    return _world(server, tmp_path_factory.mktemp("golden"), build_golden)


def _world(server, folder, build):
    server.reset()
    build(lambda service, account, region: plain_client(service, account, region, server.url))
    (folder / "aws").write_text(_PROFILES.format(url=server.url), encoding="utf-8")
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    return folder


@pytest.fixture(autouse=True)
def no_faults(server):
    yield
    server.clear()


def run(folder, *words, stdin="", **env):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LC_", "LANG"))}
    environment = clean | {"AWS_CONFIG_FILE": str(folder / "aws"), "XDG_STATE_HOME": str(folder / "state")} | env
    return subprocess.run(
        [sys.executable, "-m", "auditor", *words],
        cwd=folder,
        env=environment,
        input=stdin,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def test_a_correct_pipeline_is_clean(golden):
    done = run(golden, "audit", "pipeline.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    assert "0 unknown" in last
    assert "0 failed" in last


def test_no_call_is_made_twice(golden, server):
    server.clear()
    assert run(golden, "audit", "pipeline.yaml").returncode == 0
    calls = [(one["service"], one["operation"], one["resource"], one["account"]) for one in server.calls()]
    # Paged and per-object reads name the same resource again; none of them is due in a pipeline of this size.
    repeated = sorted({call for call in calls if calls.count(call) > 1})
    assert [call for call in repeated if call[1] not in {"GetCallerIdentity", "HeadObject"}] == []


def test_only_what_the_selected_rules_need_is_read(golden, server):
    server.clear()
    assert run(golden, "audit", "pipeline.yaml", "--select", "pitr-enabled").returncode == 0
    assert sorted(one["operation"] for one in server.calls()) == ["DescribeContinuousBackups", "GetCallerIdentity"]


def test_a_refused_read_is_unknown_and_names_its_permission(golden, server):
    server.faults([{"service": "s3", "operation": "GetBucketVersioning", "status": 403, "code": "AccessDenied"}])
    done = run(golden, "audit", "pipeline.yaml", "--format", "json")
    assert done.returncode == 3
    report = json.loads(done.stdout)
    unknown = [one for one in report["findings"] if one["verdict"] == "unknown"]
    assert {one["rule"] for one in unknown} >= {"versioning-enabled"}
    assert not [one for one in report["findings"] if one["verdict"] == "fail"]
    assert all("s3:GetBucketVersioning" in json.dumps(one["evidence"]) for one in unknown)
    assert report["exit_code"] == 3


def test_standard_output_carries_the_report_only(golden):
    done = run(golden, "audit", "pipeline.yaml", "--format", "json")
    assert json.loads(done.stdout)["version"] == "report-v1"
    assert "\x1b" not in done.stdout + done.stderr
    assert "0 failed" in done.stderr.splitlines()[-1]


def test_formats_and_outputs_go_in_pairs(golden):
    words = ["--format", "json", "--output", "r.json", "--format", "sarif", "--output", "r.sarif", "--format", "table"]
    done = run(golden, "audit", "pipeline.yaml", *words)
    assert done.returncode == 0, done.stderr
    assert json.loads((golden / "r.json").read_text(encoding="utf-8"))["version"] == "report-v1"
    assert json.loads((golden / "r.sarif").read_text(encoding="utf-8"))["version"] == "2.1.0"
    assert "0 failed" in done.stdout


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["audit"], "Missing argument"),
        (["audit", "no.yaml"], "no.yaml"),
        (["audit", "pipeline.yaml", "--select", "pitr-enabeld"], "`pitr-enabled`"),
        (["audit", "pipeline.yaml", "--format", "jsn"], "`json`"),
        (["audit", "pipeline.yaml", "--source", "terraform"], "is no source"),
        (["audit", "pipeline.yaml", "--parameter", "x"], "KEY=VALUE"),
        (["audit", "pipeline.yaml", "--format", "json", "--format", "sarif"], "one format"),
        (["audit", "pipeline.yaml", "--fix", "--source", "snapshot:x.json"], "--source live"),
        (["adit", "pipeline.yaml"], "audit"),
        (["apply", "nothing.json"], "nothing.json"),
        (["rollback", "20200101"], "is no run"),
        (["explain", "pitr-enable"], "pitr-enabled"),
        (["iam", "decide", "--principal", "x", "--action", "y"], "SERVICE:ACTION"),
        (["iam", "decide", "--principal", "x", "--action", "s3:GetObject"], "this is no caller"),
        (["iam", "decide", "--principal", "*", "--action", "s3:GetObject", "--resource", "y"], "this is no resource"),
        (["audit", "pipeline.yaml", "--parameter", "a=b"], "belongs to --source cloudformation"),
        (["audit", "pipeline.yaml", "--parameters", "no.json"], "belongs to --source cloudformation"),
        (["audit", "pipeline.yaml", "--terraform-dir", "."], "belongs to --source terraform"),
        (["audit", "pipeline.yaml", "--source", "terraform:p.json", "--terraform-dir", "no"], "no such folder"),
        (["audit", "pipeline.yaml", "--yes"], "belongs to --fix"),
        (["audit", "pipeline.yaml", "--dry-run"], "belongs to --fix"),
        (["audit", "pipeline.yaml", "--max-changes", "3"], "belongs to --fix"),
        (["audit", "pipeline.yaml", "--history", "h.db", "--no-history"], "contradict each other"),
        (["audit", "pipeline.yaml", "--rules", "state"], "holds no rule"),
        (["diff", "aws.json", "aws.json"], "neither a report-v1 nor a snapshot-v1"),
        (["apply", "p.json", "--resume", "x"], "does not belong to it"),
    ],
)
def test_a_wrong_call_is_one_sentence_and_exit_2(golden, words, sentence):
    (golden / "state").mkdir(exist_ok=True)
    (golden / "aws.json").write_text("{}", encoding="utf-8")
    done = run(golden, *words)
    assert done.returncode == 2, done.stdout + done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"AWS_PROFILE": "nobody"}, "no profile `nobody`"),
        (
            {"AWS_ENDPOINT_URL": "nowhere", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"},
            "`nowhere` is no endpoint",
        ),
    ],
)
def test_what_is_wrong_with_the_environment_is_named(tmp_path, env, said):
    (tmp_path / "aws").write_text("", encoding="utf-8")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE.replace(", profile: production", ""), encoding="utf-8")
    done = run(tmp_path, "audit", "pipeline.yaml", "--select", "pitr-enabled", **env)
    assert done.returncode == 3, done.stdout + done.stderr
    assert said in " ".join(done.stdout.split())


def test_a_closed_standard_output_leaves_the_exit_code(golden):
    line = f"exec {sys.executable} -m auditor rules show pitr-enabled >&- 2>&-"
    assert subprocess.run(["sh", "-c", line], cwd=golden, check=False, timeout=60).returncode == 0


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("auditor expl", {"explain"}),
        ("auditor explain pitr-e", {"pitr-enabled"}),
        ("auditor rules show tls", {"tls-only"}),
        ("auditor audit --select dynamo", {"dynamodb"}),
        ("auditor audit --skip crit", {"critical"}),
        ("auditor audit --rules nowhere --skip crit", {"critical"}),
        ("auditor audit --format j", {"json", "junit"}),
        ("auditor rollback la", {"last"}),
        ("auditor audit --lang j", {"ja"}),
    ],
)
def test_a_shell_completes_what_is_typed(tmp_path, typed, offered):
    (tmp_path / "aws").write_text("", encoding="utf-8")
    script = "import sys; sys.argv[0] = 'auditor'; from auditor.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ
        | {"_AUDITOR_COMPLETE": "bash_complete", "COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" "))}
        | {"XDG_STATE_HOME": str(tmp_path)},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=60,
    )
    assert {line.partition(",")[2] for line in done.stdout.split()} == offered


def test_all_mistakes_of_all_files_come_at_once(golden, tmp_path):
    (tmp_path / "aws").write_text("", encoding="utf-8")
    (tmp_path / "a.yaml").write_text("version: 1\naccounts: {}\npipelines:\n  x:\n    tabel: {}\n", encoding="utf-8")
    (tmp_path / "b.yaml").write_text("version: 2\n", encoding="utf-8")
    done = run(tmp_path, "audit", "a.yaml", "b.yaml")
    assert done.returncode == 2
    assert "a.yaml:5:5" in done.stderr
    assert "`table`" in done.stderr
    assert "b.yaml:1:10" in done.stderr


def test_a_wrong_account_is_never_read(golden, server, tmp_path):
    (tmp_path / "aws").write_text(
        (golden / "aws").read_text(encoding="utf-8").replace(ANALYTICS, "999900001111"), encoding="utf-8"
    )
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    server.clear()
    done = run(tmp_path, "audit", "pipeline.yaml", "--format", "json")
    assert done.returncode == 3
    assert {one["operation"] for one in server.calls() if one["account"] == "999900001111"} == {"GetCallerIdentity"}
    assert "WrongAccount" in done.stdout


def test_help_is_fast_because_it_imports_little():
    code = "import sys; sys.argv = ['auditor', '--help']\nfrom auditor.cli import main\ntry: main()\nexcept SystemExit: print(sorted(set(sys.modules) & {'boto3', 'botocore', 'yaml', 'jsonschema', 'jinja2', 'moto', 'tabulate'}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_audit_of_a_snapshot_needs_no_boto3(golden):
    assert run(golden, "snapshot", "pipeline.yaml", "-o", "night.json").returncode == 0
    live = json.loads(run(golden, "audit", "pipeline.yaml", "--format", "json").stdout)
    again = run(
        golden,
        "audit",
        "pipeline.yaml",
        "--source",
        "snapshot:night.json",
        "--format",
        "json",
        AWS_CONFIG_FILE="/nowhere",
    )
    saved = json.loads(again.stdout)
    assert again.returncode == 0, again.stderr
    assert saved["findings"] == live["findings"]


def test_two_snapshots_are_compared(golden):
    for name in ("one.json", "two.json"):
        assert run(golden, "snapshot", "pipeline.yaml", "-o", name).returncode == 0
    done = run(golden, "diff", "one.json", "two.json")
    assert (done.returncode, done.stdout) == (0, "No difference.\n"), done.stderr


def test_a_prompt_without_a_terminal_is_a_refusal(tmp_path):
    with serve(isolated=True) as server:
        folder = _world(server, tmp_path, build_misset)
        _refusal(server, folder)
        _no_for_an_answer(server, folder)


def _refusal(server, folder):
    server.clear()
    done = run(folder, "audit", "pipeline.yaml", "--fix")
    assert done.returncode == 2
    assert "--yes" in done.stderr
    assert not [one for one in server.calls() if one["operation"].startswith(("Put", "Update", "Create", "Delete"))]
    assert (done.stdout + done.stderr).count("✗ The exported table has") == 1, "what is not changed is told once"


def _no_for_an_answer(server, folder):
    ours, theirs = os.openpty()
    os.write(ours, b"n\n")
    words = ["audit", "pipeline.yaml", "--fix", "--format", "json", "--output", "report.json", "--lang", "ja"]
    done = subprocess.run(
        [sys.executable, "-m", "auditor", *words],
        cwd=folder,
        env=os.environ | {"AWS_CONFIG_FILE": str(folder / "aws"), "XDG_STATE_HOME": str(folder / "state")},
        stdin=theirs,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    os.close(ours)
    os.close(theirs)
    assert done.returncode == 1, done.stderr
    assert "変更していません" in done.stderr
    assert json.loads((folder / "report.json").read_text(encoding="utf-8"))["exit_code"] == 1
    assert not [one for one in server.calls() if one["operation"].startswith(("Put", "Update"))]
