"""What opens an account appears nowhere: no output, log, snapshot, journal, plan or traceback has a secret in it."""

import json

import pytest

from auditor.demo import PIPELINE

SECRETS = {
    "external id": "sesame-Zq7w3-external",
    "secret key": "wJalrCANARYSECRETbPxRfiCYzEXAMPLEKEYaaaa",
    "session token": "FwoGZXIvYXdzEBYaDCANARYTOKEN",
}
KEYS = {
    "AWS_ACCESS_KEY_ID": "111122223333",
    "AWS_SECRET_ACCESS_KEY": SECRETS["secret key"],
    "AWS_SESSION_TOKEN": SECRETS["session token"],
}
ROLE = "arn:aws:iam::444455556666:role/auditor"
ENTERED = (
    PIPELINE.replace("profile: production", "")
    .replace(", }", "}")
    .replace("profile: analytics", f'assume_role: "{ROLE}", external_id: "{SECRETS["external id"]}"')
)


@pytest.fixture
def entered(misset):
    """The mis-set pipeline, whose second account is entered through a role with an external id."""
    (misset.folder / "pipeline.yaml").write_text(ENTERED, encoding="utf-8")
    (misset.folder / "aws").write_text("", encoding="utf-8")
    return misset


def _go(stage, *words, **env):
    return stage.run(*words, AWS_ENDPOINT_URL=stage.server.url, **KEYS, **env)


def _spoken(*things):
    text = "\n".join(things)
    return [name for name, secret in SECRETS.items() if secret in text]


def _files(folder):
    """Everything that a run wrote."""
    kept = [one for one in folder.rglob("*") if one.is_file() and one.name not in {"pipeline.yaml", "moved.yaml"}]
    return [one.read_text(encoding="utf-8", errors="replace") for one in kept]


def test_no_report_and_no_file_has_a_secret(entered):
    from auditor.render import FORMATS as KNOWN

    words = [word for name in KNOWN.rows for word in ("--format", name, "--output", f"out.{name}")]
    done = _go(entered, "audit", "pipeline.yaml", *words)
    assert done.returncode == 1, done.stderr
    assert [one["principal"] for one in entered.server.calls() if one["account"] == "444455556666"]
    verbs = [
        ["snapshot", "pipeline.yaml", "-o", "s.json"],
        ["plan", "pipeline.yaml", "-o", "p.json"],
        ["permissions", "pipeline.yaml"],
        ["explain", "destination-policy", "pipeline.yaml"],
        ["diff", "s.json", "live", "pipeline.yaml"],
        ["audit", "pipeline.yaml", "--fix=review", "--yes", "--state-dir", "journals"],
        ["runs", "--state-dir", "journals"],
    ]
    told = [done.stdout, done.stderr]
    for verb in verbs:
        done = _go(entered, *verb)
        assert done.returncode in {0, 1, 3}, (verb, done.stderr)
        told += [done.stdout, done.stderr]
    assert len(_files(entered.folder)) > len(KNOWN.rows) + 3
    assert _spoken(*told, *_files(entered.folder)) == []


@pytest.mark.parametrize(
    "fault",
    [
        {"service": "sts", "operation": "AssumeRole", "status": 403, "code": "AccessDenied", "message": "{external}"},
        {"service": "sts", "status": 400, "code": "InvalidClientTokenId", "message": "{token} is not valid"},
        {"service": "s3", "status": 403, "code": "SignatureDoesNotMatch", "message": "String to sign: {secret}"},
        {"service": "dynamodb", "expired": True},
        {"service": "iam", "drop": True},
        {"service": "s3", "body": "<"},
    ],
    ids=["role", "token", "signature", "expired", "dropped", "malformed"],
)
def test_no_refusal_has_a_secret(entered, fault):
    said = {"external": SECRETS["external id"], "token": SECRETS["session token"], "secret": SECRETS["secret key"]}
    if "message" in fault:
        fault = fault | {"message": fault["message"].format(**said)}
    entered.server.faults([fault])
    words = ["--timeout", "10", "--format", "json", "--output", "r.json"]
    done = _go(entered, "audit", "pipeline.yaml", *words, AUDITOR_DEBUG="1")
    assert done.returncode in {1, 3}, done.stderr
    assert _spoken(done.stdout, done.stderr, *_files(entered.folder)) == []


def test_a_traceback_has_no_secret(entered):
    (entered.folder / "sitecustomize.py").write_text(
        "import auditor.engine\n\ndef broken(*_):\n    raise ZeroDivisionError('boom')\n\nauditor.engine.evaluate = broken\n",
        encoding="utf-8",
    )
    for debug, word in (("", "Internal error: ZeroDivisionError"), ("1", "Traceback")):
        done = _go(entered, "audit", "pipeline.yaml", PYTHONPATH=str(entered.folder), AUDITOR_DEBUG=debug)
        assert word in done.stderr
        assert done.returncode == (1 if debug else 5)
        assert _spoken(done.stdout, done.stderr) == []


def test_an_external_id_is_taken_from_the_pipeline_file_again(entered, tmp_path):
    drawn = _go(entered, "plan", "pipeline.yaml", "-o", "plan.json", "--select", "versioning-enabled")
    assert drawn.returncode == 1, drawn.stderr
    [change] = json.loads((entered.folder / "plan.json").read_text(encoding="utf-8"))["changes"]
    assert change["target"]["account"]["assume_role"] == ROLE
    assert change["target"]["account"]["declared_in"] == "pipeline.yaml"

    (entered.folder / "pipeline.yaml").rename(entered.folder / "moved.yaml")
    refused = _go(entered, "apply", "plan.json", "--yes", "--state-dir", "journals")
    assert refused.returncode == 2
    assert "--pipeline FILE" in refused.stderr
    assert not (entered.folder / "journals").exists()

    done = _go(entered, "apply", "plan.json", "--yes", "--state-dir", "journals", "--pipeline", "moved.yaml")
    assert done.returncode == 0, done.stderr
    refused = _go(entered, "rollback", "last", "--yes", "--state-dir", "journals")
    assert refused.returncode == 2
    assert "external id" in refused.stderr
    (entered.folder / "moved.yaml").rename(entered.folder / "pipeline.yaml")
    undone = _go(entered, "rollback", "last", "--yes", "--state-dir", "journals")
    assert undone.returncode == 0, undone.stderr
    assert _spoken(*_files(entered.folder)) == []


@pytest.mark.parametrize("path", ["/etc/passwd", "../pipeline.yaml", "sub/../../pipeline.yaml", "C:\\pipeline.yaml"])
def test_a_plan_leads_to_no_file_outside(tmp_path, monkeypatch, path):
    from dataclasses import replace

    from auditor.errors import Place, UsageError
    from auditor.kinds import Target
    from auditor.model import Account, Safety
    from auditor.remedy import Change, Plan, entered

    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (tmp_path / "pipeline.yaml").write_text(ENTERED, encoding="utf-8")
    monkeypatch.chdir(inside)
    account = Account("analytics", "444455556666", "ap-northeast-1", assume_role=ROLE, place=Place(path))
    target = Target("s3.bucket", account, "ap-northeast-1", "orders-analytics")
    change = Change(target, "Versioning", {}, {"Status": "Enabled"}, (), (), Safety.SAFE, (("p", "n"),), ("r",))
    with pytest.raises(UsageError, match="no file here does not declare it"):
        entered(Plan((change,)))
    there = replace(change, target=replace(target, account=replace(account, place=Place("pipeline.yaml"))))
    (inside / "pipeline.yaml").write_text(ENTERED, encoding="utf-8")
    [made] = entered(Plan((there,))).changes
    assert made.target.account.external_id == SECRETS["external id"]


URLS = {
    "a history that is not there": ["history", "--history", "sqlite:///nowhere/{}.db?password={}"],
    "a history with another ending": ["audit", "pipeline.yaml", "--history", "postgresql://u:{}@127.0.0.1/x.json"],
    "a port that is none": ["history", "--history", "postgresql://u:p@127.0.0.1:{}/x"],
    "a dialect that is none": ["history", "--history", "nosuch://u:{}@127.0.0.1/x?password={}"],
    "a wrong password": ["history", "--history", "postgresql://u:{}@127.0.0.1:9/x?sslpassword={}"],
    "an option that is none": ["history", "--history", "postgresql://u:{}@127.0.0.1:9/x?nosuch={}"],
    "a service that is none": ["audit", "pipeline.yaml", "--notify", "nosuch://u:{}@127.0.0.1/{}"],
}


@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", URLS)
def test_an_address_that_is_refused_keeps_its_secrets(tmp_path, monkeypatch, capsys, caplog, name):
    from auditor.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AUDITOR_DEBUG", "1")
    (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    secret = "hunter2CANARY"
    words = [word.replace("/{}.db", "/x.db").replace("{}", secret) for word in URLS[name]]
    with pytest.raises(SystemExit) as left:
        main(words)
    told = capsys.readouterr()
    assert left.value.code == 2
    assert told.err.strip()
    assert secret not in told.out + told.err + caplog.text
