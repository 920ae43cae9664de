"""The Lambda function against the stand-in: an event in, a summary out, and a sentence for an event that says nothing."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from auditor.demo import PIPELINE, stage
from auditor.errors import AuditorError
from auditor.files import parse_yaml
from auditor.fleet.lambda_handler import LISTED, handler, summary
from auditor.model import Severity, Text

# One of the services that Apprise imports has not yet left the module.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


class Context:
    """What Lambda hands over beside the event."""

    def __init__(self, seconds):
        self.seconds = seconds

    def get_remaining_time_in_millis(self):
        return int(self.seconds * 1000)


@pytest.fixture(scope="module")
def misset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lambda")
    with stage(folder):
        yield folder


@pytest.fixture(autouse=True)
def nothing_ambient(monkeypatch):
    for name in ("AUDITOR_HISTORY", "AUDITOR_NOTIFY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("form", ["path", "text", "object"])
def test_an_event_gives_the_summary_of_a_run(misset, form):
    given = {
        "path": str(misset / "pipeline.yaml"),
        "text": PIPELINE,
        "object": json.loads(json.dumps(parse_yaml(PIPELINE, "x").value)),
    }[form]
    answer = handler({"pipelines": [given], "select": ["pitr-enabled", "versioning-enabled"]}, Context(300))
    assert json.loads(json.dumps(answer)) == answer
    assert answer["exit_code"] == 1
    assert answer["pipelines"] == ["orders"]
    assert {(one["rule"], one["node"]) for one in answer["findings"]} == {
        ("pitr-enabled", "table"),
        ("versioning-enabled", "destination_bucket"),
    }
    assert answer["counts"]["failed"] == answer["failed_by"]["critical"] == 2
    assert answer["changes"] is None
    assert answer["troubles"] == []
    assert answer["usage"]["calls"] > 0


def test_only_what_is_at_the_severity_gates(misset):
    event = {"pipelines": [str(misset / "pipeline.yaml")], "select": ["lifecycle-configured"]}
    assert handler(event)["exit_code"] == 1
    answer = handler({**event, "fail_on": "critical"})
    assert (answer["exit_code"], answer["counts"]["failed"], answer["counts"]["gating"]) == (0, 1, 0)


def test_with_a_history_the_second_night_says_that_nothing_is_new(misset, tmp_path):
    event = {
        "pipelines": [str(misset / "pipeline.yaml")],
        "select": ["pitr-enabled"],
        "history": f"sqlite:///{tmp_path / 'history.db'}",
    }
    assert handler(event)["changes"]["new"] == 1
    assert handler(event)["changes"] == {"new": 0, "returned": 0, "fixed": 0}


def test_a_history_that_fails_is_a_trouble_and_no_more(misset, tmp_path):
    (tmp_path / "history.db").write_text("this is no database, and long enough to be read as one " * 20)
    event = {"pipelines": [str(misset / "pipeline.yaml")], "select": ["pitr-enabled"]}
    answer = handler({**event, "history": f"sqlite:///{tmp_path / 'history.db'}"})
    assert answer["exit_code"] == 1
    (trouble,) = answer["troubles"]
    assert trouble.startswith("The run is not in the history: ")


def test_the_message_goes_to_the_address_of_the_environment(misset, monkeypatch):
    told = []

    class Hook(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

        def do_POST(self):
            told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        monkeypatch.setenv("AUDITOR_NOTIFY", f"json://127.0.0.1:{server.server_port}/s3cr3t")
        answer = handler({"pipelines": [str(misset / "pipeline.yaml")], "select": ["pitr-enabled"], "lang": "ja"})
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    (message,) = told
    assert "不合格" in message["message"]
    assert "s3cr3t" not in json.dumps(answer)
    assert "不合格" in answer["closing"]


def test_what_is_not_read_in_time_is_unknown(misset, monkeypatch):
    seen = []
    import auditor.run

    real = auditor.run.audit
    monkeypatch.setattr(
        auditor.run, "audit", lambda *given, **more: (seen.append(given[2].timeout), real(*given, **more))[1]
    )
    event = {"pipelines": [str(misset / "pipeline.yaml")], "select": ["pitr-enabled"]}
    handler(event, Context(100))
    handler(event, Context(3))
    handler(event)
    assert seen == [85.0, 1.0, None]


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({}, "pipelines"),
        (None, "event"),
        ({"pipelines": []}, "pipelines"),
        ({"pipelines": ["x.yaml"], "select": "pitr-enabled"}, "select"),
        ({"pipelines": ["x.yaml"], "failon": "high"}, "fail"),
        ({"pipelines": ["x.yaml"], "fail_on": "worst"}, "critical"),
        ({"pipelines": ["s3://bucket/pipeline.yaml"]}, "deployment package"),
        ({"pipelines": ["nowhere.yaml"]}, "nowhere.yaml"),
        ({"pipelines": [PIPELINE, PIPELINE]}, "orders is declared"),
        ({"pipelines": [{"version": 1}]}, "event pipelines[0]"),
        ({"pipelines": [PIPELINE], "select": ["no-such-rule"]}, "no-such-rule"),
        ({"pipelines": [PIPELINE], "history": "nosuch://u:s3cr3t@h/d"}, "--history"),
    ],
)
def test_an_event_that_cannot_be_used_fails_with_a_sentence(event, sentence):
    with pytest.raises(AuditorError) as refused:
        handler(event)
    assert sentence in str(refused.value)
    assert "s3cr3t" not in str(refused.value)


def test_all_mistakes_of_an_event_are_told_together():
    with pytest.raises(AuditorError) as refused:
        handler({"pipelines": ["nowhere.yaml", {"version": 1}, "s3://a/b"]})
    assert len(str(refused.value).splitlines()) >= 3


def test_an_answer_of_a_large_fleet_stays_small():
    from dataclasses import replace

    from render import sample

    first = next(one for one in sample.report().findings if one.gates)
    many = replace(
        sample.report(),
        findings=tuple(replace(first, rule=f"rule-{n:05d}", severity=list(Severity)[n % 5]) for n in range(5000)),
    )
    answer = summary(many, None, [Text("a", "b")], Severity.LOW, "ja")
    assert len(answer["findings"]) == LISTED
    assert answer["left_out"] == 5000 - LISTED
    assert {one["severity"] for one in answer["findings"]} == {"critical"}
    assert answer["counts"]["failed"] == 5000
    assert answer["troubles"] == ["b"]
    assert len(json.dumps(answer)) < 1_000_000
