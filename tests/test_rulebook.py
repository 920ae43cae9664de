"""Loading rules: every mistake with its line and column, a sentence and what to do; the rules' own needs."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import InputError, RuleError
from auditor.files import load_yaml, parse_yaml, shipped
from auditor.model import Severity, Verdict
from auditor.rulebook import load, read, selected, wanted_facets

FOLDER = Path(__file__).parent / "rules"
BASE = (FOLDER / "base.yaml").read_text(encoding="utf-8")
MISTAKES = load_yaml(FOLDER / "mistakes.yaml").value


def said(text, name="base.yaml"):
    with pytest.raises(InputError) as caught:
        read(parse_yaml(text, name))
    return [str(mistake).removeprefix(f"{name}:") for mistake in caught.value.mistakes]


def test_the_base_of_all_mistakes_has_none():
    rule = read(parse_yaml(BASE, "base.yaml"))
    assert rule.subjects == ("source_bucket", "destination_bucket")
    assert [case.expect for case in rule.cases] == [Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN]
    assert (rule.place.line, rule.place.column) == (1, 5)


@pytest.mark.parametrize("case", MISTAKES, ids=lambda case: case["name"])
def test_a_mistake_is_said_with_its_place_and_what_to_do(case):
    text = case.get("text", BASE)
    for old, new in case.get("swap", {}).items():
        assert old in text
        text = text.replace(old, new, 1)
    found = said(text)
    assert len(found) == len(case["said"]), found
    for sentence, wanted in zip(found, case["said"], strict=True):
        # What stands for a list of all facets may grow.
        pattern = ".+".join(re.escape(part) for part in wanted.split("⋯"))
        assert re.fullmatch(pattern, sentence), sentence


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(["${source_bucket.Arn}", "Versioning.Status", "equals", "table", "s3.bucket", "Enabled", "."])
)
KEYS = st.sampled_from(
    [
        "at",
        "equals",
        "in",
        "some",
        "every",
        "any",
        "not",
        "default",
        "replicates",
        "facet",
        "merge",
        "node",
        "given",
        "table",
        "Versioning",
        "unread",
        "expect",
        "name",
        "intent",
        "kind",
        "en",
        "ja",
        "edits",
        "safety",
    ]
)
VALUES = st.recursive(
    LEAVES, lambda part: st.lists(part, max_size=3) | st.dictionaries(KEYS, part, max_size=3), max_leaves=12
)
PARTS = [
    "id",
    "title",
    "severity",
    "subject",
    "tags",
    "why",
    "when",
    "check",
    "fix",
    "references",
    "parameters",
    "tests",
]


@settings(deadline=None)
@given(st.sampled_from(PARTS), VALUES)
def test_whatever_stands_in_a_rule_it_is_read_or_refused_with_a_place(part, value):
    document = parse_yaml(BASE, "base.yaml")
    document.value[part] = value
    try:
        read(document)
    except RuleError as error:
        assert error.mistakes
        assert all(mistake.place.line and mistake.sentence for mistake in error.mistakes)


def write(folder, **rules):
    folder.mkdir(exist_ok=True)
    for name, text in rules.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_all_mistakes_of_all_files_come_at_once(tmp_path):
    write(tmp_path, one=BASE.replace("id: base", "id: one").replace("severity: high", "severity: top"), two="id: [\n")
    with pytest.raises(RuleError) as caught:
        load([tmp_path, tmp_path / "nowhere"])
    assert [str(mistake) for mistake in caught.value.mistakes] == [
        f"{tmp_path}/one.yaml:3:11: `severity` must be `critical`, `high`, `medium`, `low` or `info`, not `top`.",
        f"{tmp_path}/two.yaml:1:5: A bracket is opened here and never closed.",
        f"{tmp_path}/nowhere: There is no such folder of rules. Give a folder that exists.",
    ]


def test_an_id_is_taken_once(tmp_path):
    mine = BASE.replace("id: base", "id: pitr-enabled")
    write(tmp_path, **{"pitr-enabled": mine})
    with pytest.raises(RuleError) as caught:
        load([tmp_path])
    (mistake,) = caught.value.mistakes
    assert str(mistake.place) == f"{tmp_path}/pitr-enabled.yaml:1:5"
    assert mistake.sentence.startswith("The id `pitr-enabled` is taken by ")
    assert mistake.sentence.endswith("dynamodb/pitr-enabled.yaml:1:5.")


def test_rules_below_folders_are_found_and_data_beside_them_is_not(tmp_path):
    write(tmp_path / "area", one=BASE.replace("id: base", "id: one"))
    write(tmp_path / "templates", two="no rule")
    write(tmp_path / ".hidden", three="no rule")
    (tmp_path / "notes.txt").write_text("no rule", encoding="utf-8")
    assert [rule.id for rule in load([tmp_path], with_shipped=False)] == ["one"]


def test_a_missing_field_of_a_case_is_not_the_same_as_null():
    text = BASE.replace("        Policy: null\n", "")
    rule = read(parse_yaml(text, "base.yaml"))
    assert "Policy" not in rule.cases[0].given["source_bucket"]


def test_rules_are_chosen_by_id_tag_and_severity():
    book = load(vet=False)
    assert {rule.id for rule in selected(book, ["pitr-enabled", "athena-location"])} == {
        "pitr-enabled",
        "athena-location",
    }
    assert all("seed" in rule.tags for rule in selected(book, ["seed"]))
    assert not any("health" in rule.tags for rule in selected(book, skip=["health"]))
    assert {rule.severity for rule in selected(book, min_severity=Severity.HIGH)} == {Severity.HIGH, Severity.CRITICAL}
    assert {rule.severity.value for rule in selected(book, ["critical"])} == {"critical"}
    with pytest.raises(RuleError, match=r"`sed` is no rule id, tag, pack or severity\. Did you mean `seed`\?"):
        selected(book, ["sed"])


def test_a_rule_needs_the_facets_of_its_routes_and_no_others(tmp_path):
    from auditor.cases import snapshot_of

    (rule,) = load([write(tmp_path, base=BASE)], with_shipped=False)
    pipeline = snapshot_of(rule.cases[0]).pipeline
    own = {("source_bucket", "Versioning"), ("source_bucket", "Policy"), ("destination_bucket", "Lifecycle")}
    assert wanted_facets([rule], pipeline) == {
        *own,
        ("destination_bucket", "Versioning"),
        ("destination_bucket", "Policy"),
    }
    assert rule.required == {"destination_bucket"}


def test_japanese_texts_have_no_blanks_of_folded_lines():
    folded = "why:\n  en: It matters.\n  ja: >-\n    とても重要\n    です。S3 の\n    設定です。\n"
    rule = read(parse_yaml(BASE.replace("why: {en: It matters., ja: 重要です。}\n", folded), "base.yaml"))
    assert rule.why.ja == "とても重要です。S3 の設定です。"


def test_shipped_rules_lie_in_the_folder_of_their_area():
    for rule in load(vet=False):
        area = Path(rule.place.file).parent.name
        assert area in rule.tags, rule.id
    assert (shipped("rules") / "schema" / "rule.json").is_file()


def test_without_their_cases_the_shipped_rules_are_the_same():
    whole = load(vet=False)
    assert load(vet=False, with_cases=False) == tuple(replace(rule, cases=()) for rule in whole)
    assert all(rule.cases for rule in whole)
