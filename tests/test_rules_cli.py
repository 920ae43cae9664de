"""`auditor rules`: what its author sees when listing, beginning, testing and documenting rules."""

import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from jsonschema import Draft7Validator, Draft202012Validator

from auditor.cli import cli
from auditor.edits import EDITS, Edit
from auditor.errors import AuditorError
from auditor.files import load_yaml, parse_yaml
from auditor.kinds import KINDS
from auditor.model import NODES, Text
from auditor.rulebook import load

BASE = (Path(__file__).parent / "rules" / "base.yaml").read_text(encoding="utf-8")


def run(*args, code=0):
    result = CliRunner().invoke(cli, ["rules", *map(str, args)], standalone_mode=False, catch_exceptions=True)
    if isinstance(result.exception, AuditorError):
        return str(result.exception)
    assert result.exception is None, result.exception
    assert (result.return_value or 0) == code, result.output
    return result.output


def own(folder, text=BASE, name="base"):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("node", NODES)
def test_a_new_rule_passes_its_tests_and_every_mutant_is_noticed(tmp_path, node):
    run("new", "my-rule", "--rules", tmp_path / "mine", "--node", node)
    said = run("test", "--rules", tmp_path / "mine", "--strict")
    tried, noticed = re.search(r"(\d+) of (\d+) mutants noticed", said).groups()
    assert tried == noticed != "0"
    assert "1 rule, 3 cases, 0 failures" in said


@pytest.mark.parametrize("node", NODES)
def test_a_new_rule_says_what_every_part_is_for_and_fits_its_schema(tmp_path, node):
    run("new", "my-rule", "--rules", tmp_path, "--node", node)
    text = (tmp_path / "my-rule.yaml").read_text(encoding="utf-8")
    assert "@" not in text
    assert text.count("#") >= 15
    schema = json.loads(run("schema"))
    for validator in (Draft202012Validator(schema), Draft7Validator({**schema, "$schema": None})):
        assert [error.message for error in validator.iter_errors(parse_yaml(text, "f").value)] == []


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_new_rule_is_the_same_in_both_languages_but_for_its_comments(tmp_path, lang):
    run("new", "my-rule", "--rules", tmp_path, "--lang", lang)
    text = (tmp_path / "my-rule.yaml").read_text(encoding="utf-8")
    comments = "".join(line for line in text.splitlines() if line.startswith("#"))
    assert ("ルール" in comments) is (lang == "ja")
    (tmp_path / "other").mkdir()
    run("new", "my-rule", "--rules", tmp_path / "other", "--lang", "en")
    other = (tmp_path / "other" / "my-rule.yaml").read_text(encoding="utf-8")
    assert parse_yaml(text, "f").value == parse_yaml(other, "f").value


def test_a_new_rule_takes_no_id_that_is_taken(tmp_path):
    assert run("new", "pitr-enabled", "--rules", tmp_path) == "A rule `pitr-enabled` exists already. Choose another id."
    run("new", "mine", "--rules", tmp_path)
    assert "exists already" in run("new", "mine", "--rules", tmp_path)
    assert "`My Rule` is no id." in run("new", "My Rule", "--rules", tmp_path)
    assert run("new", "other", "--node", "tabel", "--rules", tmp_path).endswith("Did you mean `table`?")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]


def test_all_cases_of_the_shipped_rules_hold():
    said = run("test")
    assert re.fullmatch(r"\d+ rules, \d+ cases, 0 failures, [\d.]+ s\n", said)


def test_a_case_that_does_not_hold_is_shown_with_its_place_and_why(tmp_path):
    folder = own(tmp_path, BASE.replace("Versioning: {Status: Enabled}\n", "Versioning: {Status: Suspended}\n"))
    said = run("test", "--rules", folder, code=1)
    assert f"{folder}/base.yaml:25:5: base, case “kept”: expected pass, judged fail " in said
    assert "(source_bucket.Versioning.Status: wanted Enabled, found Suspended)" in said
    assert "1 rule, 3 cases, 1 failure" in said


def test_evidence_that_a_case_pins_is_looked_for(tmp_path):
    folder = own(tmp_path, BASE.replace("    expect: fail\n", "    expect: fail\n    says: Elsewhere\n"))
    assert "no evidence says “Elsewhere”: source_bucket.Versioning.Status Enabled Suspended" in run(
        "test", "--rules", folder, code=1
    )


def law(tmp_path, fix, old="      merge: {Status: Enabled}\n"):
    return run("test", "--rules", own(tmp_path, BASE.replace(old, fix)), code=1)


def test_a_fix_that_does_not_satisfy_its_own_check_breaks_the_first_law(tmp_path):
    said = law(tmp_path, "      merge: {Status: Suspended}\n")
    assert ":33:5: base, case “suspended”: law 1, fixed means pass: after the fix it is fail: " in said


def test_a_fix_that_never_ends_breaks_the_second_law(tmp_path, monkeypatch):
    def grown(document, wanted, scope):
        return {**document, "Status": "Enabled", "MFADelete": "Disabled" if "MFADelete" not in document else "Enabled"}

    monkeypatch.setitem(EDITS.rows, "grow", Edit("grow", grown, {"const": True}, Text("Grows.", "増えます。"), ""))
    said = law(tmp_path, "      grow: true\n")
    assert "law 2, fixing twice changes nothing: the second fix changes the document again" in said
    assert "law 1" not in said


def test_a_change_that_nothing_undoes_breaks_the_third_law(tmp_path, monkeypatch):
    def write(target, before, after):
        return (
            KINDS.rows["s3.bucket"].facets["Policy"].write(target, None, {"Version": "2012-10-17"})
            if before["Status"] == "Suspended"
            else ()
        )

    bucket = KINDS.rows["s3.bucket"]
    row = replace(bucket.facets["Versioning"], write=write, lossy=lambda before, after: None)
    monkeypatch.setitem(KINDS.rows, "s3.bucket", replace(bucket, facets={**bucket.facets, "Versioning": row}))
    said = run("test", "--rules", own(tmp_path), code=1)
    assert "law 3, undo: nothing undoes the change of source_bucket.Versioning, and no loss is declared" in said


def test_what_a_case_pins_after_the_fix_is_compared(tmp_path):
    text = BASE.replace(
        "    expect: fail\n", "    expect: fail\n    after: {source_bucket: {Versioning: {Status: Suspended}}}\n"
    )
    assert "after the fix source_bucket.Versioning is {'Status': 'Enabled'}, and the case pins" in run(
        "test", "--rules", own(tmp_path, text), code=1
    )


@pytest.mark.parametrize(
    ("old", "new", "unnoticed"),
    [
        # A second check that no failing case tells apart.
        (
            "  - not:\n",
            "  - {at: Name, present: true}\n  - not:\n",
            "that `Name present` is gone",
        ),
        # A boundary that no case stands at.
        (
            "at_least: 7, default: 7",
            "at_least: 3, default: 7",
            "`4` for `3` in `NoncurrentVersionExpiration.NoncurrentDays at_least`",
        ),
        ("    some:\n", "    every:\n", "`some` for `every` in `in: destination_bucket.Lifecycle.Rules`"),
        ("when:\n", "when:\n  - {at: Name, present: true}\n", "that `Name present` is gone"),
    ],
)
def test_what_no_case_notices_is_named(tmp_path, old, new, unnoticed):
    folder = own(tmp_path, BASE.replace(old, new, 1))
    said = run("test", "--rules", folder)
    assert f"base: no case notices {unnoticed}" in said
    assert run("test", "--rules", folder, "--strict", code=1)
    assert "mutants" not in run("test", "--rules", folder, "--no-mutate")


# A change that makes no difference, and why.
NO_DIFFERENCE = {
    # S3 keeps one encryption rule a bucket.
    ("default-encryption", "`every` for `some` in `in: Encryption.Rules`"),
    # The caller is a service, which has no policies of its own.
    ("notification-target-permits", "that `side` is gone in `allows`"),
    ("replication-role-trust", "that `side` is gone in `allows`"),
    # A rule of the first schema has no metrics.
    ("replication-failure-events", "that `version` is gone in `Replication replicates`"),
    ("replication-healthy", "that `version` is gone in `Replication replicates`"),
}


def test_the_cases_of_the_shipped_rules_notice_every_change_that_makes_a_difference():
    said = run("test", "--mutate")
    found = set(re.findall(r"(?m)^\S+: ([a-z0-9-]+): no case notices (.*)$", said))
    assert found == NO_DIFFERENCE
    noticed, tried = map(int, re.search(r"(\d+) of (\d+) mutants noticed", said).groups())
    assert tried - noticed == len(NO_DIFFERENCE)
    assert tried > 400


def test_watching_runs_again_when_a_file_changes(tmp_path):
    folder = own(tmp_path / "mine")
    command = [sys.executable, "-m", "auditor", "rules", "test", "--rules", str(folder), "--watch", "--no-mutate"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    try:
        assert "0 failures" in process.stdout.readline()
        (folder / "base.yaml").write_text(BASE.replace("Status: Suspended", "Status: Off"), encoding="utf-8")
        assert "AWS never says this: Status has no value 'Off'." in process.stdout.readline()
        (folder / "base.yaml").write_text(BASE, encoding="utf-8")
        assert "0 failures" in process.stdout.readline()
    finally:
        process.terminate()
        process.communicate()


def test_watching_needs_rules_that_can_change():
    assert run("test", "--watch") == "--watch needs --rules DIR: the shipped rules do not change."


def test_the_list_says_what_each_rule_is(tmp_path):
    table = run("list", "--select", "dynamodb", "--lang", "en")
    assert re.search(r"(?m)^pitr-enabled +critical +table +safe +seed dynamodb +The exported table", table)
    assert "PITR" in run("list", "--select", "pitr-enabled", "--lang", "ja")
    rows = json.loads(run("list", "--format", "json", "--rules", own(tmp_path)))
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    mine = next(row for row in rows if row["id"] == "base")
    assert mine["permissions"] == {
        "read": ["s3:GetBucketPolicy", "s3:GetBucketVersioning", "s3:GetLifecycleConfiguration"],
        "write": ["s3:PutBucketVersioning"],
    }
    assert (mine["subjects"], mine["fix"], mine["cases"]) == (["source_bucket", "destination_bucket"], "safe", 3)


def test_a_rule_is_shown_as_a_page_or_as_its_file(tmp_path):
    assert run("show", "pitr-enabled", "--lang", "en").startswith(
        "# The exported table has point-in-time recovery on\n"
    )
    assert "## 理由" in run("show", "pitr-enabled", "--lang", "ja")
    assert run("show", "base", "--source", "--rules", own(tmp_path)) == BASE
    assert run("show", "pitr-enable") == "There is no rule `pitr-enable`. Did you mean `pitr-enabled`?"


def test_a_folder_of_pages_has_every_rule_in_both_languages(tmp_path):
    run("docs", "-o", tmp_path / "book", "--rules", own(tmp_path / "mine"))
    for lang in ("en", "ja"):
        names = {file.stem for file in (tmp_path / "book" / lang).iterdir()}
        assert names == {rule.id for rule in load(vet=False)} | {"base", "README", "reference", "writing"}
        listed = (tmp_path / "book" / lang / "README.md").read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)]+)\)", listed):
            assert (tmp_path / "book" / lang / target).is_file()


def test_the_schema_knows_every_shipped_rule_and_refuses_what_the_rulebook_refuses():
    validator = Draft202012Validator(json.loads(run("schema")))
    for rule in load(vet=False):
        assert [e.message for e in validator.iter_errors(load_yaml(Path(rule.place.file)).value)] == [], rule.id
    for old, new in [
        ("equals: Enabled", "equal: Enabled"),
        ("at_least: 7,", "at_least: many,"),
        ("at: Versioning.Status", "at: Version.Status"),
        ("merge: {", "merg: {"),
        ("facet: Versioning", "facet: Version"),
        ("Policy: null", "BucketPolicy: null"),
        ("source_bucket, destination_bucket", "source_bucket, target"),
    ]:
        assert old in BASE
        assert not validator.is_valid(parse_yaml(BASE.replace(old, new, 1), "f").value), new
    holes = BASE.replace("at_least: 7,", 'at_least: "${intent.recovery_period_days}",')
    assert validator.is_valid(parse_yaml(holes, "f").value)


def test_schemas_go_to_files(tmp_path):
    for what in ("rule", "pack", "pipeline"):
        run("schema", what, "-o", tmp_path / "schema.json")
        Draft202012Validator.check_schema(json.loads((tmp_path / "schema.json").read_text(encoding="utf-8")))


def test_routes_can_be_browsed():
    assert re.search(r"(?m)^s3.bucket +source_bucket destination_bucket +An S3", run("routes", "--lang", "en"))
    assert re.search(r"(?m)^Versioning +s3:GetBucketVersioning +", run("routes", "source_bucket"))
    rows = json.loads(run("routes", "table", "ContinuousBackups", "--format", "json"))
    assert {
        "route": "ContinuousBackups.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus",
        "type": "string",
        "values": "ENABLED DISABLED",
    } in rows
    below = json.loads(run("routes", "s3.bucket", "Replication.Rules", "--depth", "1", "--format", "json"))
    assert below[0]["route"] == "Replication.Rules"
    assert all(row["route"].count(".") <= 2 for row in below)
    assert run("routes", "s3.buckt") == "There is no kind and no node `s3.buckt`. Did you mean `s3.bucket`?"
    assert run("routes", "table", "Backups").startswith("table has no facet `Backups`.")
    assert "Did you mean `Rules`?" in run("routes", "s3.bucket", "Replication.Rulez")


def test_the_reference_explains_words():
    said = run("reference", "at_least", "merge", "Versioning", "--lang", "en")
    assert "Parameter: a number" in said
    assert "## merge" in said
    assert "`s3:GetBucketVersioning`" in said
    assert run("reference", "at_leest") == "There is no predicate, edit or facet `at_leest`. Did you mean `at_least`?"
    assert "値が数値で、この値以上である。" in run("reference", "--lang", "ja")


def test_what_files_say_cannot_steer_the_terminal(tmp_path):
    folder = own(tmp_path, BASE.replace("en: Versions are kept", 'en: "\\e[31mred"'))
    assert "\x1b" not in run("list", "--rules", folder, "--select", "base", "--lang", "en")
    assert "\x1b" not in run("show", "base", "--rules", folder, "--lang", "en")
