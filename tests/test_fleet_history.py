"""The history as a user meets it: what is new, fixed, back again, and that nothing of it is ever lost or invented."""

import json
import multiprocessing
import os
import pwd
import shutil
import socket
import sqlite3
import subprocess
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from auditor.cli import cli
from auditor.cli.audit import audit_command
from auditor.cli.fleet import moment
from auditor.cli.nightly import duties_of
from auditor.errors import Text, UsageError
from auditor.fleet.history import History
from auditor.fleet.nightly import Duties, remember
from auditor.model import (
    Account,
    Finding,
    Node,
    Pipeline,
    Report,
    Resource,
    Severity,
    Snapshot,
    Usage,
    Verdict,
    Waiver,
)

ROOT = Path(__file__).resolve().parents[1]
ACCOUNT = Account("production", "111122223333", "ap-northeast-1")
FAIL, PASS, UNKNOWN, GONE = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE
WAIVER = Waiver("known", "data-team", date(2099, 1, 1), rule="pitr-enabled")
BIN = Path("/usr/lib/postgresql/15/bin")


def finding(verdict, name="orders", severity=Severity.CRITICAL, waiver=None):
    resource = Resource(Node("table", "dynamodb.table", ACCOUNT, f"{name}-table"))
    title = Text("The table has PITR on", "PITR が有効である")
    return Finding("pitr-enabled", name, "table", verdict, severity, title, title, (), resource, waiver=waiver)


def report(day, *findings, source="live"):
    usage = Usage(10, 1, 2.5)
    return Report(findings, started_at=f"2026-11-{day:02d}T03:00:00Z", version="1.0", usage=usage, source=source)


def said(news):
    return [len(news.new), len(news.returned), len(news.fixed)]


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{tmp_path / 'deep' / 'history.db'}"


def states(history):
    return {one.pipeline: (one.state, one.times) for one in history.findings()}


def test_a_finding_is_new_once_fixed_once_and_returns(url):
    with History(url) as history:
        assert said(history.record(report(1, finding(FAIL)))) == [1, 0, 0]
        assert said(history.record(report(2, finding(FAIL)))) == [0, 0, 0]
        assert said(history.record(report(4, finding(PASS)))) == [0, 0, 1]
        assert said(history.record(report(5, finding(PASS)))) == [0, 0, 0]
        assert said(history.record(report(7, finding(FAIL)))) == [0, 1, 0]
        (entry,) = history.findings()
        assert (entry.state, entry.times, entry.first_seen[:10], entry.opened_at[:10]) == (
            "open",
            2,
            "2026-11-01",
            "2026-11-07",
        )
        assert entry.time_to_fix is None
        history.record(report(9, finding(PASS)))
        (entry,) = history.findings()
        assert (entry.state, entry.time_to_fix.days, entry.last_seen[:10]) == ("fixed", 2, "2026-11-07")
        assert [run.started_at[8:10] for run in history.runs()] == ["09", "07", "05", "04", "02", "01"]
        assert [(past.failed, past.new, past.fixed) for past in history.trend("live")] == [
            (1, 1, 0),
            (1, 0, 0),
            (0, 0, 1),
            (0, 0, 0),
            (1, 1, 0),
            (0, 0, 1),
        ]


def test_what_was_not_read_or_not_judged_is_not_fixed(url):
    with History(url) as history:
        history.record(report(1, finding(FAIL), finding(FAIL, "invoices")))
        assert said(history.record(report(2, finding(UNKNOWN)))) == [0, 0, 0]
        assert states(history) == {"orders": ("open", 1), "invoices": ("open", 1)}
        assert said(history.record(report(3, finding(GONE), finding(PASS, "invoices")))) == [0, 0, 1]
        assert states(history) == {"orders": ("gone", 1), "invoices": ("fixed", 1)}
        assert next(one for one in history.findings() if one.state == "gone").time_to_fix is None


def test_a_waiver_is_no_fix_and_its_end_is_news(url):
    with History(url) as history:
        history.record(report(1, finding(FAIL)))
        assert said(history.record(report(2, finding(FAIL, waiver=WAIVER)))) == [0, 0, 0]
        assert states(history) == {"orders": ("waived", 1)}
        assert said(history.record(report(3, finding(FAIL)))) == [0, 1, 0]
        assert states(history) == {"orders": ("open", 1)}
        assert said(history.record(report(4, finding(FAIL, "invoices", waiver=WAIVER)))) == [0, 0, 0]


def test_a_plan_that_passes_fixes_nothing_that_runs(url):
    with History(url) as history:
        history.record(report(1, finding(FAIL)))
        assert history.record(report(2, finding(PASS), source="terraform:plan.json")).first
        assert states(history) == {"orders": ("open", 1)}


def test_the_same_finding_of_another_severity_or_title_is_the_same(url):
    with History(url) as history:
        history.record(report(1, finding(FAIL)))
        news = history.record(
            report(2, replace(finding(FAIL, severity=Severity.LOW), title=Text("New words", "別の文")))
        )
        assert said(news) == [0, 0, 0]
        (entry,) = history.findings()
        assert (entry.severity, entry.title.en) == ("low", "New words")


def test_the_trend_is_of_runs_that_judged_about_as_much(url):
    fleet = tuple(Snapshot(Pipeline(f"p{number}", {}), {}) for number in range(10))

    def night(day, pipelines, rules):
        made = replace(report(day, finding(FAIL)), snapshots=fleet[:pipelines], rules=tuple("abcdefghij"[:rules]))
        told, _, _ = remember(made, Duties(history=url))
        return [past.started_at[8:10] for past in told.history]

    assert night(1, 1, 10) == ["01"]
    assert night(2, 6, 10) == ["02"]
    assert night(3, 7, 10) == ["02", "03"]
    assert night(4, 3, 10) == ["04"]
    assert night(5, 7, 1) == ["05"]
    assert night(6, 10, 9) == ["02", "03", "06"]
    with History(url) as history:
        assert len(history.trend("live")) == len(history.runs()) == 6


def test_old_runs_and_what_is_closed_are_forgotten_and_what_is_open_never(url):
    with History(url) as history:
        history.record(report(1, finding(FAIL), finding(FAIL, "invoices")))
        history.record(report(2, finding(PASS), finding(FAIL, "invoices")))
        history.record(report(20, finding(PASS)), kept_days=10)
        assert [run.started_at[8:10] for run in history.runs()] == ["20"]
        assert states(history) == {"invoices": ("open", 1)}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.dictionaries(st.sampled_from(["a", "b", "c"]), st.sampled_from([FAIL, PASS, UNKNOWN, GONE]), min_size=1),
        min_size=1,
        max_size=8,
    )
)
def test_what_is_told_adds_up(tmp_path_factory, nights):
    """Whatever happens: every finding opens before it is fixed, and what failed last is open."""
    expected, opened = {}, dict.fromkeys("abc", 0)
    with History(f"sqlite:///{tmp_path_factory.mktemp('h') / 'h.db'}") as history:
        for day, night in enumerate(nights, 1):
            before = dict(expected)
            for name, verdict in night.items():
                if verdict is FAIL:
                    opened[name] += before.get(name) != "open"
                    expected[name] = "open"
                elif verdict is not UNKNOWN and before.get(name) == "open":
                    expected[name] = "fixed" if verdict is PASS else "gone"
            news = history.record(report(day, *(finding(verdict, name) for name, verdict in night.items())))
            fixed = {name for name in night if before.get(name) == "open" and expected[name] == "fixed"}
            assert {one.pipeline for one in news.fixed} == fixed
            assert {one.pipeline for one in (*news.new, *news.returned)} == {
                name for name in night if before.get(name) != "open" and expected.get(name) == "open"
            }
        assert states(history) == {name: (state, opened[name]) for name, state in expected.items()}


V1 = """
CREATE TABLE auditor_schema (id INTEGER PRIMARY KEY, version INTEGER NOT NULL);
INSERT INTO auditor_schema VALUES (1, 1);
CREATE TABLE auditor_lock (id INTEGER PRIMARY KEY, turn INTEGER NOT NULL);
INSERT INTO auditor_lock VALUES (1, 0);
CREATE TABLE auditor_runs (
  id INTEGER PRIMARY KEY, name VARCHAR(40) NOT NULL UNIQUE, source VARCHAR(400) NOT NULL, started_at VARCHAR(20) NOT NULL,
  version VARCHAR(40) NOT NULL, pipelines INTEGER NOT NULL, rules INTEGER NOT NULL, declared INTEGER NOT NULL,
  answered INTEGER NOT NULL, passed INTEGER NOT NULL, unknown INTEGER NOT NULL, waived INTEGER NOT NULL, failed INTEGER NOT NULL,
  critical INTEGER NOT NULL, high INTEGER NOT NULL, medium INTEGER NOT NULL, low INTEGER NOT NULL, info INTEGER NOT NULL,
  calls INTEGER NOT NULL, retries INTEGER NOT NULL, seconds FLOAT NOT NULL);
INSERT INTO auditor_runs VALUES (1, 'first', 'live', '2026-10-01T03:00:00Z', '0.9', 1, 1, 1, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 5, 0, 1.5);
CREATE TABLE auditor_findings (
  id INTEGER PRIMARY KEY, source VARCHAR(400) NOT NULL, fingerprint VARCHAR(32) NOT NULL, rule VARCHAR(200) NOT NULL,
  pipeline VARCHAR(400) NOT NULL, node VARCHAR(100) NOT NULL, resource TEXT NOT NULL, account VARCHAR(12) NOT NULL,
  severity VARCHAR(10) NOT NULL, title_en TEXT NOT NULL, title_ja TEXT NOT NULL, state VARCHAR(10) NOT NULL,
  first_seen VARCHAR(20) NOT NULL, last_seen VARCHAR(20) NOT NULL, UNIQUE (source, fingerprint));
INSERT INTO auditor_findings VALUES (1, 'live', '{print}', 'pitr-enabled', 'orders', 'table', 'orders-table', '111122223333',
  'critical', 'The table has PITR on', '-', 'open', '2026-10-01T03:00:00Z', '2026-10-01T03:00:00Z');
INSERT INTO auditor_findings VALUES (2, 'live', 'ffffffffffffffffffffffffffffffff', 'pitr-enabled', 'old', 'table', 'old-table',
  '111122223333', 'critical', 'The table has PITR on', '-', 'fixed', '2026-10-01T03:00:00Z', '2026-10-02T03:00:00Z');
"""


def test_a_history_of_version_1_is_taken_along(tmp_path):
    file = tmp_path / "history.db"
    with sqlite3.connect(file) as old:
        old.executescript(V1.replace("{print}", finding(FAIL).fingerprint))
    old.close()
    with History(str(file)) as history:
        assert states(history) == {"orders": ("open", 1), "old": ("fixed", 1)}
        news = history.record(report(3, finding(PASS)))
        assert said(news) == [0, 0, 1]
        assert news.fixed[0].time_to_fix.days == 33
        assert [run.counts["failed"] for run in history.runs()] == [0, 1]
    with History(str(file)) as history:
        assert states(history) == {"orders": ("fixed", 1), "old": ("fixed", 1)}


def test_a_history_of_the_future_is_refused(url, tmp_path):
    with History(url) as history:
        history.record(report(1, finding(FAIL)))
    with sqlite3.connect(tmp_path / "deep" / "history.db") as file:
        file.execute("UPDATE auditor_schema SET version = 99")
    file.close()
    with History(url) as history, pytest.raises(UsageError, match=r"version 99.*Upgrade"):
        history.runs()


def record_night(url, start, days):
    with History(url) as history:
        for day in range(start, start + days):
            history.record(report(day, finding(FAIL if day % 2 else PASS), finding(FAIL, f"own-{start}")))


def at_once(url):
    """Let three runs record at once, the database not yet made; return it opened."""
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=record_night, args=(url, start, 5)) for start in (1, 11, 21)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(90)
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    return History(url)


def test_runs_at_once_wait_for_each_other(url, tmp_path):
    with at_once(url) as history:
        assert len(history.runs()) == 15
        assert {name for name in states(history) if name.startswith("own")} == {"own-1", "own-11", "own-21"}
        assert all(times == 1 for name, (_, times) in states(history).items() if name.startswith("own"))
    with sqlite3.connect(tmp_path / "deep" / "history.db") as file:
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        opened = file.execute("SELECT count(*) FROM auditor_events WHERE what IN ('new', 'returned')").fetchone()[0]
        closed = file.execute("SELECT count(*) FROM auditor_events WHERE what = 'fixed'").fetchone()[0]
        assert opened - closed in {3, 4}
    file.close()


def test_a_history_that_fails_leaves_the_report_as_it_is(tmp_path):
    (tmp_path / "history.db").write_text("this is no database, and it is long enough to be looked at\n" * 50)
    one = report(1, finding(FAIL))
    told, news, troubles = remember(one, Duties(history=str(tmp_path / "history.db")))
    assert (told, news) == (one, None)
    assert "is not in the history" in troubles[0].en
    assert "not a database" in troubles[0].en


@pytest.mark.parametrize(
    ("url", "sentence"),
    [("nonsense://x", "Such as sqlite"), ("://", "Such as sqlite"), ("postgresql+nonsense://h/d", "Such as sqlite")],
)
def test_a_url_that_leads_nowhere_is_one_sentence(url, sentence):
    with pytest.raises(UsageError, match=sentence):
        Duties(history=url).check()


def test_a_disk_that_refuses_is_no_wrong_usage(tmp_path):
    (tmp_path / "file").write_text("")
    duties = Duties(history=f"sqlite:///{tmp_path / 'file' / 'history.db'}")
    duties.check()
    _, news, (trouble,) = remember(report(1, finding(FAIL)), duties)
    assert news is None
    assert "is not in the history" in trouble.en


def test_history_without_a_url_is_the_one_in_the_state_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("AUDITOR_HISTORY", raising=False)
    choices = audit_command.make_context("audit", ["x.yaml", "--history", "--state-dir", str(tmp_path)]).params
    assert duties_of(choices).history == f"sqlite:///{tmp_path / 'history.db'}"
    with pytest.raises(UsageError, match="contradict"):
        duties_of({**choices, "no_history": True})
    choices = audit_command.make_context("audit", ["x.yaml", "--no-history"]).params
    assert duties_of(choices).history == ""


@pytest.mark.parametrize("name", ["a.yaml", "a.yml", "A.YAML", "plan.json"])
def test_a_pipeline_is_not_taken_for_a_history(name):
    with pytest.raises(UsageError, match="this is no history"):
        audit_command.make_context("audit", ["--history", name, "b.yaml"])


def test_no_password_is_shown():
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    url = f"postgresql://auditor:hunter2@127.0.0.1:{port}/auditor"
    _, _, troubles = remember(report(1, finding(FAIL)), Duties(history=url))
    assert "auditor:***@127.0.0.1" in troubles[0].en
    assert "hunter2" not in troubles[0].en + troubles[0].ja
    _, _, troubles = remember(report(1, finding(FAIL)), Duties(history=f"{url}?password=sesame7&sslpassword=sesame8"))
    assert "auditor:***@127.0.0.1" in troubles[0].en
    assert "sesame" not in troubles[0].en + troubles[0].ja


def test_times_can_be_said_in_several_ways():
    assert moment("2026-11-25") == "2026-11-25T00:00:00Z"
    assert moment("2026-11-25T03:00+09:00") == "2026-11-24T18:00:00Z"
    assert moment("1d") < moment("1h")
    for wrong in ("yesterday", "0d", "-1d", "7", ""):
        with pytest.raises(UsageError, match="no time"):
            moment(wrong)


def cli_history(*words):
    return CliRunner().invoke(cli, ["history", *words], standalone_mode=False)


def test_the_command_tells_runs_and_findings(url):
    with History(url) as history:
        history.record(report(1, finding(FAIL), finding(FAIL, "invoices")))
        history.record(report(3, finding(PASS), finding(FAIL, "invoices")))
    told = cli_history("--history", url, "--since", "2026-11-02", "--format", "json")
    assert told.return_value == 0
    document = json.loads(told.output)
    schema = json.loads((ROOT / "reports/schemas/history-v1.json").read_text(encoding="utf-8"))
    Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER).validate(document)
    assert [run["fixed"] for run in document["runs"]] == [1]
    assert [(one["pipeline"], one["state"], one["seconds_to_fix"]) for one in document["findings"]] == [
        ("invoices", "open", None),
        ("orders", "fixed", 2 * 86400),
    ]
    table = cli_history("--history", url, "--since", "2026-11-01", "--pipeline", "orders", "--lang", "en").output
    assert "fixed" in table
    assert "2 d" in table
    assert "invoices" not in table
    narrow = ("--history", url, "--since", "2026-11-01", "--format", "json", "--rule")
    assert len(json.loads(cli_history(*narrow, "pitr-enabled").output)["findings"]) == 2
    assert json.loads(cli_history(*narrow, "tls-only").output)["findings"] == []
    assert "解消" in cli_history("--history", url, "--since", "2026-11-01", "--lang", "ja").output


def test_the_command_says_when_there_is_nothing(tmp_path):
    told = cli_history("--state-dir", str(tmp_path))
    assert isinstance(told.exception, UsageError)
    assert "No run is recorded" in str(told.exception)
    assert not (tmp_path / "history.db").exists()


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """A PostgreSQL server of its own on the loopback; initdb refuses to run as root."""
    if not BIN.exists():
        pytest.fail("PostgreSQL's binaries are missing: apt-get install postgresql-15")
    folder = Path(f"/tmp/auditor-pg-{os.getpid()}")
    folder.mkdir(mode=0o755)
    who = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    os.chown(folder, who.pw_uid, who.pw_gid)

    def as_nobody(*words, **options):
        if os.geteuid() == 0:
            options |= {"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []}
        return subprocess.Popen(
            [str(BIN / words[0]), *words[1:]], cwd=folder, env={"PATH": str(BIN), "LC_ALL": "C"}, **options
        )

    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    (folder / "password").write_text("sesame\n")
    os.chown(folder / "password", who.pw_uid, who.pw_gid)
    made = as_nobody(
        "initdb",
        "-D",
        str(folder / "data"),
        "-U",
        "auditor",
        "-A",
        "scram-sha-256",
        "--pwfile",
        str(folder / "password"),
        **quiet,
    )
    assert made.wait(120) == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ("-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-k", str(folder), "-p", str(port))
    server = as_nobody("postgres", "-D", str(folder / "data"), *words, **quiet)
    try:
        for _ in range(150):
            if as_nobody("pg_isready", "-h", "127.0.0.1", "-p", str(port), **quiet).wait(20) == 0:
                break
            time.sleep(0.2)
        yield f"postgresql://auditor:sesame@127.0.0.1:{port}/postgres"
    finally:
        server.send_signal(2)
        server.wait(60)
        shutil.rmtree(folder)


@pytest.mark.postgres
def test_a_history_in_postgresql_is_the_same_history(postgres):
    with at_once(postgres) as history:
        assert len(history.runs()) == 15
        assert {name for name in states(history) if name.startswith("own")} == {"own-1", "own-11", "own-21"}
        news = history.record(report(28, finding(FAIL, "later")))
        assert said(news) == [1, 0, 0]
        assert said(history.record(report(29, finding(PASS, "later")))) == [0, 0, 1]
        assert [one.time_to_fix.days for one in history.findings() if one.pipeline == "later"] == [1]
        history.record(report(30, finding(PASS, "later")), kept_days=5)
        assert {run.started_at[8:10] for run in history.runs()} == {"25", "28", "29", "30"}
    told = cli_history("--history", postgres, "--since", "2026-11-01", "--format", "json")
    assert len(json.loads(told.output)["runs"]) == 4
