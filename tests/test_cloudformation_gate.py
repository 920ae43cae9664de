"""The gate before deployment: correct templates audit clean, one change makes one finding, and the exit codes follow."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from auditor.cli import main
from auditor.files import load_yaml

FOLDER = Path(__file__).parent / "templates" / "gate"
CHANGES = load_yaml(FOLDER / "changes.yaml").value


def gate(capsys, *args):
    """Return the exit code, standard output and standard error of `auditor audit`."""
    with pytest.raises(SystemExit) as left:
        main(["audit", *map(str, args)])
    said = capsys.readouterr()
    return left.value.code, said.out, said.err


def changed(folder, case):
    """Write the templates with the case's changes; return the arguments that name them."""
    arguments = []
    for side in ("production", "analytics"):
        text = (FOLDER / f"{side}.yaml").read_text()
        for old, new in case.get(side, {}).items():
            assert text.count(old) == 1, old
            text = text.replace(old, new)
        if case.get("without") != side:
            (folder / f"{side}.yaml").write_text(text)
            arguments += ["--source", f"cloudformation:{folder / side}.yaml"]
    return [
        *arguments,
        *(word for name, value in case.get("parameters", {}).items() for word in ("--parameter", f"{name}={value}")),
    ]


@pytest.mark.parametrize("case", CHANGES, ids=[case["change"] for case in CHANGES])
def test_the_gate(tmp_path, capsys, case):
    code, out, err = gate(capsys, FOLDER / "pipeline.yaml", *changed(tmp_path, case), "--format", "json")
    assert code == case["code"], err
    if code == 2:
        assert err.startswith(f"{tmp_path}/production.yaml:")
        return
    listed = json.loads(out)["findings"]
    verdicts = {f"{one['rule']} {one['node']}": one["verdict"] for one in listed}
    told = {name: verdict for name, verdict in verdicts.items() if verdict in {"fail", "unknown"}}
    if "contains" in case:
        assert case["contains"].items() <= told.items()
        if code == 3:
            assert set(told.values()) == {"unknown"}
    else:
        assert told == case.get("findings", {})


def test_what_only_live_aws_knows_is_not_applicable_before_deployment(tmp_path, capsys):
    _, out, _ = gate(capsys, FOLDER / "pipeline.yaml", *changed(tmp_path, {}), "--format", "json")
    health = {one["rule"]: one["verdict"] for one in json.loads(out)["findings"] if "health" in one.get("tags", [])}
    assert set(health.values()) == {"not_applicable"}


def test_a_finding_points_into_the_template(tmp_path, capsys):
    case = next(case for case in CHANGES if case["change"] == "a notification that waits for Put")
    _, out, _ = gate(capsys, FOLDER / "pipeline.yaml", *changed(tmp_path, case), "--format", "json")
    (finding,) = [one for one in json.loads(out)["findings"] if one["verdict"] == "fail"]
    text = (tmp_path / "production.yaml").read_text().splitlines()
    where = finding["evidence"][0]["location"]
    assert where["file"] == f"{tmp_path}/production.yaml"
    assert "s3:ObjectCreated:Put" in text[where["line"] - 1]
