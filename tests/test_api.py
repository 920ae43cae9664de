"""The Python API: its documentation is a session on the stand-in, and importing it costs nothing."""

import doctest
import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest

import auditor
from auditor.aws.plain_client import client as plain_client
from auditor.demo import _AMBIENT, _PROFILES, PIPELINE
from auditor.errors import InputError, UsageError
from auditor.standin import serve
from auditor.standin.pipeline import build_golden


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Build the right pipeline on the stand-in, and set two things wrong."""
    with serve(isolated=True) as server:

        def client(service, account, region):
            return plain_client(service, account, region, server.url)

        build_golden(client)
        client("dynamodb", "111122223333", "ap-northeast-1").update_table(
            TableName="my-table", DeletionProtectionEnabled=False
        )
        client("s3", "444455556666", "ap-northeast-1").put_bucket_policy(
            Bucket="orders-analytics", Policy=_without_denials(client)
        )
        (tmp_path / "aws").write_text(_PROFILES.format(url=server.url), encoding="utf-8")
        (tmp_path / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
        for name in _AMBIENT:
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "aws"))
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "aws"))
        monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
        monkeypatch.chdir(tmp_path)
        yield tmp_path


def _without_denials(client):
    import json

    said = client("s3", "444455556666", "ap-northeast-1").get_bucket_policy(Bucket="orders-analytics")["Policy"]
    document = json.loads(said)
    document["Statement"] = [one for one in document["Statement"] if one["Effect"] == "Allow"]
    return json.dumps(document)


@pytest.mark.parametrize("name", ["", "load", "audit"])
def test_the_documentation_is_true(world, name):
    part = getattr(auditor, name) if name else auditor
    text = part.__doc__
    assert ">>>" in text
    test = doctest.DocTestParser().get_doctest(text, vars(auditor).copy(), name or "auditor", auditor.__file__, 0)
    said = []
    assert doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(test, out=said.append).failed == 0, (
        "".join(said)
    )


def test_what_is_wrong_in_files_is_said_with_its_place(tmp_path):
    (tmp_path / "p.yaml").write_text(PIPELINE.replace("version: 1", "version: 2"), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        auditor.load(tmp_path / "p.yaml", rules=[tmp_path / "none"])
    assert [(Path(one.place.file).name, one.place.line) for one in caught.value.mistakes] == [
        ("none", 0),
        ("p.yaml", 1),
    ]
    (tmp_path / "p.yaml").write_text(PIPELINE, encoding="utf-8")
    with pytest.raises(UsageError, match="No rule is left to judge by"):
        auditor.load(tmp_path / "p.yaml", select=["low"], min_severity="critical")


def test_every_function_is_typed_and_documented():
    from auditor.model import Pipeline, Report
    from auditor.remedy import Outcome, Plan
    from auditor.rule import Rule

    known = {"Pipeline": Pipeline, "Report": Report, "Outcome": Outcome, "Plan": Plan, "Rule": Rule}
    for name in auditor.__all__:
        part = getattr(auditor, name)
        if inspect.isfunction(part):
            assert set(get_type_hints(part, localns=known)) == {*inspect.signature(part).parameters, "return"}
            assert part.__doc__.strip().endswith((".", "]"))


def test_importing_it_imports_nothing_costly():
    code = "import auditor, sys; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(auditor.__file__).parents[1]
    )
    loaded = set(done.stdout.split())
    assert "auditor" in loaded
    assert (
        loaded & {"boto3", "botocore", "yaml", "jsonschema", "click", "jinja2", "auditor.run", "auditor.rulebook"}
        == set()
    )


def test_the_functions_stay_functions_after_the_modules_are_loaded():
    import auditor.cli.audit
    import auditor.run

    for name in ("load", "audit", "plan", "apply", "roll_back"):
        assert inspect.isfunction(getattr(auditor, name))
