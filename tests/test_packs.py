"""Rule packs: what a folder's pack.yaml gives its rules, and the words of intent that packs and pipelines set."""

import json
import subprocess
import sys

import pytest

from auditor import __version__
from auditor.cases import run
from auditor.docs import page
from auditor.engine import judge
from auditor.errors import RuleError
from auditor.model import Severity, Verdict
from auditor.predicates import PREDICATES
from auditor.rulebook import load, selected

PACK = """name: acme
version: "1.2"
auditor: ">=0.1"
defaults: {severity: low, tags: [house], references: ["https://example.com/rules"]}
parameters:
  keep_days: {type: integer, minimum: 1, default: 7, description: How long old versions stay.}
"""
RULE = """id: keeps-versions
title: {en: Old versions stay long enough, ja: 古いバージョンが十分に残る}
subject: destination_bucket
tags: [lifecycle]
why: {en: Mistakes are noticed late., ja: 間違いに気づくのは遅いものです。}
check:
  - in: Lifecycle.Rules
    every:
      - {at: NoncurrentVersionExpiration.NoncurrentDays, at_least: "${intent.keep_days}"}
tests:
  - name: long enough
    given: {destination_bucket: {Lifecycle: {Rules: [{NoncurrentVersionExpiration: {NoncurrentDays: 7}}]}}}
    expect: pass
  - name: too short
    given: {destination_bucket: {Lifecycle: {Rules: [{NoncurrentVersionExpiration: {NoncurrentDays: 6}}]}}}
    expect: fail
  - name: the pipeline wants more
    given:
      intent: {keep_days: 30}
      destination_bucket: {Lifecycle: {Rules: [{NoncurrentVersionExpiration: {NoncurrentDays: 7}}]}}
    expect: fail
  - name: may not look
    given: {destination_bucket: {unread: {Lifecycle: AccessDenied}}}
    expect: unknown
"""


def packed(folder, pack=PACK, **rules):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pack.yaml").write_text(pack, encoding="utf-8")
    for name, text in (rules or {"keeps-versions": RULE}).items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def mine(*folders):
    return {rule.id: rule for rule in load(folders, vet=False) if rule.pack}


def said(*folders):
    with pytest.raises(RuleError) as caught:
        load(folders, vet=False)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_a_pack_gives_its_rules_a_name_and_defaults(tmp_path):
    rule = mine(packed(tmp_path))["keeps-versions"]
    assert (rule.pack, rule.severity, rule.tags) == ("acme", Severity.LOW, ("lifecycle", "house"))
    assert rule.references == ("https://example.com/rules",)
    assert rule.defaults == {"keep_days": 7}
    assert run([rule])[1] == ()


def test_what_a_rule_says_itself_wins(tmp_path):
    text = RULE.replace("tags: [lifecycle]", "tags: [house, lifecycle]\nseverity: high")
    rule = mine(packed(tmp_path, **{"keeps-versions": text}))["keeps-versions"]
    assert (rule.severity, rule.tags) == (Severity.HIGH, ("house", "lifecycle"))


def test_packs_are_chosen_by_name(tmp_path):
    book = load([packed(tmp_path)], vet=False)
    assert [rule.id for rule in selected(book, ["acme"])] == ["keeps-versions"]
    assert "keeps-versions" not in {rule.id for rule in selected(book, skip=["acme"])}


def test_a_folder_may_hold_several_packs_and_rules_of_none(tmp_path):
    packed(tmp_path / "one")
    packed(tmp_path / "two" / "deep", PACK.replace("acme", "other"), other=RULE.replace("keeps-versions", "other"))
    (tmp_path / "bare.yaml").write_text(
        RULE.replace("keeps-versions", "bare").replace(
            "tags:",
            "severity: info\nparameters: {keep_days: {type: integer, minimum: 1, default: 7, description: How long old versions stay.}}\ntags:",
        ),
        encoding="utf-8",
    )
    book = {
        rule.id: rule.pack for rule in load([tmp_path], vet=False) if rule.id in {"keeps-versions", "other", "bare"}
    }
    assert book == {"keeps-versions": "acme", "other": "other", "bare": ""}


def test_a_pack_sets_a_word_that_pipelines_leave_out(tmp_path):
    pack = PACK + "values: {keep_days: 30}\n"
    rule = mine(packed(tmp_path, pack))["keeps-versions"]
    assert rule.defaults == {"keep_days": 30}
    failed = [bad.case.name for bad in run([rule])[1]]
    assert failed == ["long enough"]  # seven days are no longer enough; where the pipeline speaks, nothing changed


def test_a_pack_sets_a_word_that_every_pipeline_knows_for_all_rules(tmp_path):
    from auditor.cases import snapshot_of

    book = {
        rule.id: rule for rule in load([packed(tmp_path, PACK + "values: {recovery_period_days: 35}\n")], vet=False)
    }
    rule = book["pitr-recovery-period"]
    case = next(
        case
        for case in rule.cases
        if case.expect is Verdict.NOT_APPLICABLE and "intent" not in case.given and case.given
    )
    plain = {one.id: one for one in load(vet=False)}["pitr-recovery-period"]
    document = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": "ENABLED", "RecoveryPeriodInDays": 7}}
    shot = snapshot_of(type(case)("seven", {"table": {"ContinuousBackups": document}}, Verdict.FAIL, case.place))
    assert judge(plain, "table", shot, PREDICATES).verdict is Verdict.NOT_APPLICABLE
    assert judge(rule, "table", shot, PREDICATES).verdict is Verdict.FAIL


def test_a_page_tells_the_words_and_their_defaults(tmp_path):
    rule = mine(packed(tmp_path))["keeps-versions"]
    assert "- `intent.keep_days` `{minimum: 1, type: integer}`, default `7`, How long old versions stay." in page(
        rule, "en"
    )
    assert "Pack: `acme`" in page(rule, "en")
    assert "パック: `acme`" in page(rule, "ja")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            'auditor: ">=0.1"',
            'auditor: ">=99.0"',
            f"3:10: The pack `acme` needs auditor 99.0 or newer, and this is {__version__}. Upgrade auditor.",
        ),
        (
            'auditor: ">=0.1"',
            "auditor: newest",
            "3:10: `auditor` must be `>=` and a version, such as `>=0.1`, not `newest`.",
        ),
        ("name: acme", "name: Acme Rules", "1:7: `name` must be lower-case words joined by `-`, not `Acme Rules`."),
        ('version: "1.2"', "version: 1.2", "2:10: `version` must be text, not `1.2`: write it in quotes."),
        (
            "severity: low",
            "severity: lo",
            "4:22: `severity` must be `critical`, `high`, `medium`, `low` or `info`, not `lo`. Did you mean `low`?",
        ),
        ("default: 7", "default: 0", "6:51: `default` must be at least 1, not 0."),
        ("defaults:", "default:", "4:1: Unknown key `default`. Did you mean `defaults`?"),
    ],
)
def test_mistakes_in_a_pack_have_a_place(tmp_path, old, new, expected):
    assert old in PACK
    folder = packed(tmp_path, PACK.replace(old, new))
    assert said(folder) == [f"{folder}/pack.yaml:{expected}"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ("{keep_days: 0}", "7:21: `keep_days` must be at least 1, not 0."),
        ("{keep_dys: 30}", "7:10: No rule reads a word `keep_dys`. Did you mean `keep_days`?"),
        ("{wake_on: never}", "7:19: `wake_on` must be `exports` or `all_objects`, not `never`."),
    ],
)
def test_values_are_what_their_words_take(tmp_path, values, expected):
    folder = packed(tmp_path, PACK + f"values: {values}\n")
    assert said(folder) == [f"{folder}/pack.yaml:{expected}"]


def test_two_packs_may_not_set_one_word_differently(tmp_path):
    one = packed(tmp_path / "one", PACK + "values: {wake_on: exports}\n")
    two = packed(
        tmp_path / "two",
        PACK.replace("acme", "other") + "values: {wake_on: all_objects}\n",
        other=RULE.replace("keeps-versions", "other"),
    )
    (only,) = said(one, two)
    assert only == (
        f"{two}/pack.yaml:7:19: The pack `acme` sets `wake_on` to `exports`."
        " Let only one of them set it, or the pipelines themselves."
    )


def test_two_rules_declare_a_word_alike(tmp_path):
    text = RULE.replace("subject:", "severity: low\nparameters: {keep_days: {type: integer, default: %d}}\nsubject:")
    for name, days in (("one", 7), ("two", 8)):
        (tmp_path / f"{name}.yaml").write_text(text.replace("keeps-versions", name) % days, encoding="utf-8")
    (only,) = said(tmp_path)
    assert only.startswith(
        f"{tmp_path}/two.yaml:1:5: The word `keep_days` is declared differently by `one` at {tmp_path}/one.yaml:1:5."
    )


def test_a_word_that_no_rule_reads_is_a_mistake(tmp_path):
    folder = packed(tmp_path, PACK + "  colour: {type: string}\n")
    assert said(folder) == [
        f"{folder}/pack.yaml:7:3: No rule of the pack reads `intent.colour`. Remove it, or read it in a rule."
    ]


PIPELINE = """version: 1
accounts:
  analytics: {id: "444455556666", region: ap-northeast-1}
pipelines:
  orders:
    destination_bucket: {account: analytics, cloudformation: Bucket, name: orders-analytics}
"""
TEMPLATE = {
    "Resources": {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            "Properties": {
                "BucketName": "orders-analytics",
                "LifecycleConfiguration": {
                    "Rules": [{"Id": "old", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 14}}]
                },
            },
        }
    }
}


def audited(folder, rules, intent=""):
    (folder / "pipeline.yaml").write_text(PIPELINE + intent, encoding="utf-8")
    (folder / "template.json").write_text(json.dumps(TEMPLATE), encoding="utf-8")
    command = [
        "audit",
        "pipeline.yaml",
        "--rules",
        str(rules),
        "--select",
        "acme",
        "--source",
        "cloudformation:template.json",
        "--format",
        "json",
    ]
    done = subprocess.run(
        [sys.executable, "-m", "auditor", *command], cwd=folder, capture_output=True, encoding="utf-8", check=False
    )
    return done.returncode, done.stdout and [one["verdict"] for one in json.loads(done.stdout)["findings"]], done.stderr


def test_a_pipeline_sets_the_words_of_packs(tmp_path):
    rules = packed(tmp_path / "rules")
    assert audited(tmp_path, rules)[:2] == (0, ["pass"])
    assert audited(tmp_path, rules, "    intent: {keep_days: 30}\n")[:2] == (1, ["fail"])
    packed(rules, PACK + "values: {keep_days: 15}\n")
    assert audited(tmp_path, rules)[:2] == (1, ["fail"])
    assert audited(tmp_path, rules, "    intent: {keep_days: 14}\n")[:2] == (0, ["pass"])


def test_a_pipeline_says_only_what_the_word_takes(tmp_path):
    code, _, stderr = audited(tmp_path, packed(tmp_path / "rules"), "    intent: {keep_days: soon}\n")
    assert code == 2
    assert "pipeline.yaml:7:25: `keep_days` must be a whole number, not `soon`." in stderr
