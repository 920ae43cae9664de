"""The morning message and the metrics, as they arrive: one message a run, and only about what changed."""

import importlib.util
import json
import threading
from datetime import date
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from auditor.aws.plain_client import client
from auditor.cli import cli
from auditor.demo import PIPELINE, _profiles
from auditor.errors import UsageError
from auditor.fleet import metrics
from auditor.fleet.history import History
from auditor.fleet.nightly import Duties, remember, tell
from auditor.fleet.notifications import LINES
from auditor.model import (
    Account,
    Finding,
    Node,
    Pipeline,
    Report,
    Resource,
    Severity,
    Snapshot,
    Text,
    Usage,
    Verdict,
    Waiver,
)
from auditor.standin import serve
from auditor.standin.pipeline import build_misset

# One of the services that Apprise imports has not yet left the module.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

ACCOUNT = Account("production", "111122223333", "ap-northeast-1")
FAIL, PASS, UNKNOWN = Verdict.FAIL, Verdict.PASS, Verdict.UNKNOWN
SOON = Waiver("known", "data-team", date(2026, 11, 30), rule="pitr-enabled")


def finding(verdict, name="orders", severity=Severity.CRITICAL, waiver=None):
    resource = Resource(Node("table", "dynamodb.table", ACCOUNT, f"{name}-table"))
    title = Text("The table has PITR on", "PITR が有効である")
    return Finding("pitr-enabled", name, "table", verdict, severity, title, title, (), resource, waiver=waiver)


def report(day, *findings):
    names = {one.pipeline for one in findings}
    snapshots = tuple(Snapshot(Pipeline(name, {}), {}) for name in sorted(names))
    started = f"2026-11-{day:02d}T03:00:00Z"
    return Report(findings, snapshots, started_at=started, version="1.0", usage=Usage(10, 1, 2.5), declared=5, read=4)


@pytest.fixture
def hook():
    """A webhook on the loopback; what it was told is in `told`, and it answers with `status`."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.told.append(json.loads(body))
            self.send_response(server.status)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.told, server.status = [], 200
    server.address = f"json://127.0.0.1:{server.server_address[1]}/s3cr3t-token"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def night(tmp_path, hook):
    """Run one night and return the messages that it sent."""
    duties = Duties(history=str(tmp_path / "history.db"), notify=(hook.address,))

    def run(one, lang="en"):
        hook.told.clear()
        one, news, troubles = remember(one, duties)
        assert troubles == ()
        assert tell(one, news, duties, lang, Severity.LOW) == ()
        return [(each["title"], each["message"]) for each in hook.told]

    return run


def test_a_night_tells_what_changed_and_nothing_else(night):
    ((title, body),) = night(report(1, finding(FAIL), finding(PASS, "invoices")))
    assert title == "auditor: 1 new"
    assert "New failures (1)\n- ✗ [critical] orders / table: The table has PITR on (pitr-enabled, orders-table)" in body
    assert "invoices" not in body
    assert night(report(2, finding(FAIL), finding(PASS, "invoices"))) == []
    ((title, body),) = night(report(3, finding(PASS), finding(FAIL, "invoices")))
    assert title == "auditor: 1 new, 1 fixed"
    ((title, body),) = night(report(4, finding(FAIL), finding(FAIL, "invoices")))
    assert title == "auditor: 1 back again"
    assert "invoices / table" not in body


def test_waivers_that_end_soon_are_announced(night):
    assert night(report(1, finding(FAIL, waiver=SOON))) == []
    ((title, body),) = night(report(20, finding(FAIL, waiver=SOON)))
    assert title == "auditor: 1 soon no longer waived"
    assert "until 2026-11-30, data-team" in body


def test_a_night_that_could_read_nothing_is_not_silent(night):
    assert night(report(1, finding(PASS))) == []
    ((title, body),) = night(report(2, finding(UNKNOWN)))
    assert title == "auditor: 1 unknown"
    assert "1, and 0 the time before" in body
    assert night(report(3, finding(UNKNOWN))) == []


def test_the_message_speaks_japanese(night):
    ((title, body),) = night(report(1, finding(FAIL)), lang="ja")
    assert title == "auditor の監査結果: 新規 1 件"
    assert "PITR が有効である" in body


def test_a_long_list_is_cut_and_counted(night):
    ((title, body),) = night(report(1, *(finding(FAIL, f"p{number}") for number in range(LINES + 5))))
    assert title == f"auditor: {LINES + 5} new"
    assert body.count("[critical]") == LINES
    assert "… and 5 more" in body


def test_without_a_history_everything_that_fails_is_told(hook):
    tell(
        report(1, finding(FAIL), finding(FAIL, "invoices", waiver=SOON)),
        None,
        Duties(notify=(hook.address,)),
        "en",
        Severity.LOW,
    )
    (message,) = hook.told
    assert "There is no history" in message["message"]
    assert message["title"] == "auditor: 1 new"


def test_a_name_cannot_steer_what_shows_it(night):
    ((_, body),) = night(report(1, finding(FAIL, "or\x1b[31mders\n- [critical] fake")))
    assert "\x1b" not in body
    assert "\n- [critical] fake" not in body


def test_a_refused_message_is_a_sentence_without_its_secret(hook, caplog, capfd):
    hook.status = 500
    (trouble,) = tell(report(1, finding(FAIL)), None, Duties(notify=(hook.address,)), "en", Severity.LOW)
    assert trouble.en == "The message to json://… could not be sent."
    assert "s3cr3t" not in trouble.ja + caplog.text + "".join(capfd.readouterr())


@pytest.mark.parametrize("url", ["nonsense", "nosuch://s3cr3t", "slack://"])
def test_an_address_of_no_service_is_refused_before_the_run(url):
    with pytest.raises(UsageError, match="no service") as refused:
        Duties(notify=(url,)).check()
    assert "s3cr3t" not in str(refused.value)


def families(text):
    return {
        family.name: {tuple(sample.labels.items()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(text)
    }


def test_metrics_are_what_prometheus_reads(tmp_path):
    one = report(2, finding(FAIL), finding(UNKNOWN, 'a "b"\\\nc'), finding(PASS, "x"), finding(FAIL, "w", waiver=SOON))
    metrics.write(one, tmp_path / "auditor.prom", Severity.LOW)
    found = families((tmp_path / "auditor.prom").read_text(encoding="utf-8"))
    assert found["auditor_failed"] == {
        (("severity", name),): float(name == "critical") for name in ("critical", "high", "medium", "low", "info")
    }
    assert found["auditor_unknown"] == {(): 1.0}
    assert found["auditor_waived"] == {(): 1.0}
    assert found["auditor_pipeline_failed"] == {
        (("pipeline", name),): float(name == "orders") for name in ('a "b"\\\nc', "orders", "w", "x")
    }
    assert found["auditor_calls"] == {(): 10.0}
    assert found["auditor_retries"] == {(): 1.0}
    assert found["auditor_run_seconds"] == {(): 2.5}
    assert found["auditor_run_timestamp_seconds"] == {(): 1793588400.0}
    assert found["auditor_exit_code"] == {(): 1.0}


def test_metrics_that_cannot_be_written_are_a_sentence(tmp_path):
    (trouble,) = tell(report(1, finding(FAIL)), None, Duties(metrics=tmp_path / "no" / "x.prom"), "en", Severity.LOW)
    assert "metrics were not written" in trouble.en
    assert "--output" not in trouble.en


@pytest.fixture(scope="module")
def misset(tmp_path_factory):
    """The mis-set pipeline on a stand-in."""
    folder = tmp_path_factory.mktemp("night")
    with serve(isolated=True) as server, _profiles(folder, server.url):
        build_misset(partial(client, endpoint=server.url))
        (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
        yield str(folder / "pipeline.yaml")


def audited(misset, state, *words):
    """Audit by the command line with a state folder; return what it said on standard error, line by line."""
    ran = CliRunner().invoke(
        cli,
        ["audit", misset, "--select", "pitr-enabled", "--state-dir", str(state), *words],
        standalone_mode=False,
        env={"AUDITOR_HISTORY": None, "AUDITOR_NOTIFY": None, "LANG": "C", "LC_ALL": None},
    )
    assert ran.exception is None
    assert ran.return_value == 1
    return ran.stderr.splitlines()


def test_a_live_run_is_recorded_in_the_state_folder_unless_told_not_to(misset, tmp_path):
    assert audited(misset, tmp_path / "no", "--no-history") == []
    assert not (tmp_path / "no").exists()
    for _ in range(2):
        assert audited(misset, tmp_path / "state") == []
    with History(f"sqlite:///{tmp_path / 'state' / 'history.db'}") as history:
        assert [(run.counts["failed"], run.counts["new"]) for run in history.runs()] == [(1, 0), (1, 1)]


def test_without_sqlalchemy_a_run_is_as_usual(misset, tmp_path, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "sqlalchemy" else real(name, *more)
    )
    assert audited(misset, tmp_path / "state") == []
    assert not (tmp_path / "state").exists()


def test_a_home_that_cannot_be_written_to_costs_one_sentence(misset, tmp_path):
    (tmp_path / "file").write_text("")
    (note,) = audited(misset, tmp_path / "file" / "state")
    assert note.startswith("The run is not in the history: ")
    assert "--no-history" in note
    (note,) = audited(misset, tmp_path / "file" / "state", "--lang", "ja")
    assert "履歴を作成できません" in note
    assert "Name another" not in note
