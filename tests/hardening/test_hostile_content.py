"""Names, policies, rules and error texts that mean no good reach no terminal, log, table, page, chat or file as an order."""

import csv
import io
import json
import threading
import xml.etree.ElementTree as ET
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import yaml
from markdown_it import MarkdownIt
from prometheus_client.parser import text_string_to_metric_families

from auditor.cli import main
from auditor.fleet.discovery_file import written
from auditor.fleet.discovery_found import Discovery, FoundNode, FoundPipeline
from auditor.lsp.diagnostics import problems
from auditor.lsp.hover import hover
from auditor.lsp.library import library
from auditor.lsp.sheet import Sheet
from auditor.model import Account
from auditor.pipeline import parse
from auditor.render import FORMATS
from tests.hardening import hostile
from tests.hardening.hostile import EVIL, EVIL_CODE, XML_EVIL, controls, steering

# What a prefix may be: it can be shown, and means much to YAML.
QUIET = "a: #b <x> {y} [z] 'q' \"r\" & c | > % @ `=d/"
NIGHT = ["--source", "snapshot:night.json", "--rules", "own"]
AUDIT = ["audit", "pipeline.yaml", *NIGHT]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("content")
    hostile.lay_out(place)
    return place


@pytest.fixture
def auditor(folder, monkeypatch, capsys):
    """Run the command line in the folder; return exit code and both outputs as they would reach a terminal."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    monkeypatch.setenv("COLUMNS", "60")

    def run(*words):
        with pytest.raises(SystemExit) as left:
            main([str(word) for word in words])
        return left.value.code, *capsys.readouterr()

    return run


@pytest.fixture(scope="module")
def told(folder, tmp_path_factory):
    """Return what the audit says in every format, by name and language."""
    made = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for lang in ("en", "ja"):
            words = [part for name in FORMATS.rows for part in ("--format", name, "--output", f"r.{lang}.{name}")]
            with pytest.raises(SystemExit) as left:
                main([*AUDIT, *words, "--lang", lang, "--history", "history.db", "--metrics", "metrics.prom"])
            assert left.value.code in {1, 3}
            made |= {(name, lang): (folder / f"r.{lang}.{name}").read_bytes().decode() for name in FORMATS.rows}
    return made


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("name", FORMATS.rows)
def test_no_format_steers(told, name, lang):
    text = told[name, lang]
    if name == "github":
        orders = text.splitlines()
        assert all(line.startswith(("::error ", "::warning ", "::notice ")) for line in orders)
        text = "\n".join(line.lstrip(":") for line in orders)
    assert steering(text, "\r\n" if name == "csv" else "\n") == []


def test_what_programs_read_is_whole(told):
    report = json.loads(told["json", "en"])
    found = [evidence["found"] for one in report["findings"] for evidence in one["evidence"]]
    assert EVIL in found
    assert next(one["title"]["ja"] for one in report["findings"] if one["rule"] == "own-rule") == EVIL
    assert ET.fromstring(told["junit", "en"]).tag == "testsuites"
    for name in ("sarif", "gitlab", "ocsf"):
        assert json.loads(told[name, "ja"])
    for line in told["asff", "en"].splitlines():
        assert json.loads(line)
    rows = list(csv.reader(io.StringIO(told["csv", "en"], newline="")))
    assert len({len(row) for row in rows}) == 1
    assert not [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r\n"))]


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_pages_have_no_foreign_markup(told, lang):
    assert "<script>alert" not in told["html", lang]
    shown = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(told["markdown", lang])
    assert "<script" not in shown
    assert 'http://evil"' not in shown


def test_metrics_are_read_as_they_were_meant(told, folder):
    families = list(text_string_to_metric_families((folder / "metrics.prom").read_text(encoding="utf-8")))
    assert {sample.labels.get("pipeline", "orders") for one in families for sample in one.samples} == {"orders"}


COMMANDS = {
    "history": (["history", "--history", "history.db"], 0),
    "history, json": (["history", "--history", "history.db", "--format", "json", "--since", "2000-01-01"], 0),
    "the trend": ([*AUDIT, "--history", "history.db", "--format", "html"], 1),
    "a source of an evil name": (
        ["audit", "pipeline.yaml", "--rules", "own", "--source", f"snapshot:{EVIL.replace('/', '')[:40]}.json"],
        1,
    ),
    "diff": (["diff", "night.json", "later.json", "--rules", "own"], 1),
    "diff, json": (["diff", "night.json", "later.json", "--format", "json"], 1),
    "diff of reports": (["diff", "r.en.json", "r.ja.json"], 0),
    "explain a rule": (["explain", "own-rule", "--rules", "own"], 0),
    "explain a finding": (["explain", "own-rule", "pipeline.yaml", *NIGHT, "--lang", "ja"], 0),
    "explain a policy": (["explain", "replication-role-permissions", "pipeline.yaml", *NIGHT], 0),
    "explain from a report": (["explain", "replication-role-permissions", "--report", "r.en.json"], 0),
    "rules list": (["rules", "list", "--rules", "own"], 0),
    "rules list, json": (["rules", "list", "--rules", "own", "--select", "own", "--format", "json"], 0),
    "rules show": (["rules", "show", "own-rule", "--rules", "own"], 0),
    "rules show --source": (["rules", "show", "own-rule", "--rules", "own", "--source"], 0),
    "rules docs": (["rules", "docs", "--rules", "own"], 0),
    "rules test": (["rules", "test", "--rules", "own", "--mutate"], 0),
    "a wrong rule": (["audit", "pipeline.yaml", *NIGHT, "--rules", "wrong"], 2),
    "a wrong pipeline": (["audit", "wrong.yaml", *NIGHT], 2),
    "iam": (["iam", "decide", "--principal", "arn:aws:iam::111122223333:role/r", "--action", "s3:GetObject", "--resource", f"arn:aws:s3:::b/{EVIL}", "--identity", "policy.json"], 1),
    "iam, json": (["iam", "decide", "--principal", "arn:aws:iam::111122223333:role/r", "--action", "s3:GetObject", "--resource", f"arn:aws:s3:::b/{EVIL}", "--identity", "policy.json", "--json"], 1),
    "baseline": (["baseline", "pipeline.yaml", *NIGHT, "-o", "baseline.json"], 0),
}  # fmt: skip


@pytest.mark.parametrize("name", COMMANDS)
def test_no_command_steers(auditor, told, name):
    words, code = COMMANDS[name]
    done, out, err = auditor(*words)
    assert done == code, err
    assert (out + err).strip()
    assert steering(out) + steering(err) == []
    if name.endswith("json"):
        json.loads(out)


def test_editors_are_told_plainly(folder):
    known = library((folder / "own",))
    text = (
        (folder / "pipeline.yaml").read_text(encoding="utf-8").replace('rule: "versioning-enabled"', "rule: own-rule")
    )
    line = text[: text.index("own-rule")].count("\n")
    _, said = hover(Sheet(text, "pipeline.yaml"), known, line, text.splitlines()[line].index("own-rule"))
    assert steering(said) == []
    for name in ("wrong/own-rule.yaml", "wrong.yaml", "own/own-rule.yaml"):
        path = folder / name
        for one in problems(Sheet(path.read_text(encoding="utf-8"), str(path)), known):
            assert one.sentence


def test_a_proposal_says_what_was_found_and_nothing_else():
    account = Account("a", "111122223333", "eu-west-1", profile=EVIL)
    nodes = {
        "source_bucket": FoundNode({"account": "a", "name": "orders", "prefix": QUIET}, EVIL),
        "catalog_table": FoundNode({"account": "a", "database": EVIL, "name": EVIL}, EVIL),
        "consumer": FoundNode({"account": "a", "lambda": "f"}, EVIL),
    }
    made = written(Discovery((account,), (FoundPipeline("orders", nodes, (), (EVIL,)),), (EVIL,), (EVIL,)))
    assert controls(made) == []
    assert yaml.safe_load(made)["accounts"]["a"]["profile"] == EVIL
    [pipeline] = parse(made, "made.yaml")
    assert "source_bucket" in pipeline.nodes, made
    assert pipeline.nodes["source_bucket"].settings["prefix"] == QUIET
    assert pipeline.nodes["consumer"].id == "f"


@pytest.fixture
def hook():
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_):
            """Say nothing."""

        def do_POST(self):
            server.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.told = []
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


# apprise imports a module that Python 3.13 no longer has.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
def test_a_message_orders_nothing(auditor, hook):
    done = auditor(*AUDIT, "--notify", f"json://127.0.0.1:{hook.server_address[1]}/x")
    assert done[0] in {1, 3}, done[2]
    [message] = hook.told
    assert "own-rule" in message["message"]
    parted = message["message"].replace("\u200b", "")
    assert steering(parted) == []
    assert steering(message["title"], "") == []
    for order in ("<!channel>", "@everyone", "](http", "<script"):
        assert order not in message["message"]
        assert order in parted


@pytest.fixture
def live(misset, auditor, monkeypatch):
    """The mis-set pipeline on the stand-in, of which policies and error texts are hostile, for runs in this process."""
    from auditor.aws.plain_client import client

    for name, value in misset.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    policy = {"Version": "2012-10-17", "Statement": [{"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject"}]}
    policy["Statement"][0]["Resource"] = f"arn:aws:s3:::x/{EVIL}"
    iam = client("iam", "111122223333", "ap-northeast-1", misset.server.url)
    iam.put_role_policy(RoleName="replication-source-role", PolicyName="evil", PolicyDocument=json.dumps(policy))
    iam.close()
    monkeypatch.chdir(misset.folder)
    return misset


def test_no_run_that_mends_steers(auditor, live, folder):
    refused = {"status": 403, "code": EVIL_CODE, "message": XML_EVIL}
    live.server.faults([{"service": "s3", "operation": "GetBucketLifecycleConfiguration", **refused}])
    rules = ["--rules", str(folder / "own")]
    heard = [auditor("audit", "pipeline.yaml", *rules, "--no-history")]
    heard.append(auditor("plan", "pipeline.yaml", "--fix=review", "-o", "plan.json", *rules))
    live.server.faults([{"service": "iam", "operation": "PutRolePolicy", **refused}])
    heard.append(auditor("apply", "plan.json", "--yes", "--state-dir", "state"))
    assert [code for code, *_ in heard] == [1, 1, 4]
    live.server.clear()
    heard += [auditor("runs", "--state-dir", "state"), auditor("rollback", "last", "--yes", "--state-dir", "state")]
    heard.append(auditor("snapshot", "pipeline.yaml", "-o", "live.json"))
    assert heard[-2][0] == 0
    heard.append(auditor("diff", "live.json", "live", "pipeline.yaml"))
    live.server.faults([{"service": "s3", **refused}, {"service": "dynamodb", **refused}])
    heard.append(auditor("init", "--account", "p=111122223333:production", "-o", "found.yaml"))
    for _, out, err in heard:
        assert steering(out) + steering(err) == []
    assert "evil" in heard[1][1] + heard[1][2]
