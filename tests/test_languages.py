"""Every sentence that a person reads is said in both languages; what programs read does not depend on the language."""

import ast
import io
import json
import re
from pathlib import Path

import pytest

import auditor
from auditor.cases import snapshot_of, subject_of, verdict_of
from auditor.engine import judge
from auditor.model import Evidence, Report, Text, Verdict, in_words
from auditor.predicates import PREDICATES
from auditor.render import FORMATS, Options
from auditor.render.sentences import found_text, wanted_text
from auditor.rulebook import load
from auditor.scope import REASONS

PROGRAM = Path(auditor.__file__).parent
RULES = load((), vet=False)
JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
PHRASE = re.compile(r"(?<![\w.:/-])[a-z]{2,}(?: [a-z']{1,}){1,}(?![\w:/.-])")
"""Two small words with a space between: AWS's words, ARNs, ids, routes and parameters have none."""


def english(text):
    """Return the English phrase in a text that claims to be Japanese, or nothing; what is quoted is quoted."""
    return PHRASE.findall(re.sub(r'"[^"]*"|「[^」]*」|“[^”]*”', "", text))


def judged():
    for rule in RULES:
        for case in rule.cases:
            finding = verdict_of(case, rule)
            if finding is not None and finding.verdict in {Verdict.FAIL, Verdict.UNKNOWN}:
                yield from ((f"{rule.id}, {case.name}", case, one) for one in finding.evidence)


def test_the_japanese_of_all_evidence_holds_no_english_sentence():
    seen = 0
    for name, case, one in judged():
        seen += 1
        given = json.dumps(case.given, ensure_ascii=False, default=str)
        for said in (wanted_text(one, "ja"), found_text(one, "ja")):
            assert not [phrase for phrase in english(said) if phrase not in given], f"{name}: {said}"
        if one.note:
            assert JAPANESE.search(one.note.ja), f"{name}: {one.note}"
            assert not JAPANESE.search(re.sub("[「」]", "", one.note.en)), f"{name}: {one.note.en}"
    assert seen > 500


def test_what_auditor_says_in_evidence_is_a_text_and_not_a_string():
    """A phrase with a space that no document holds is a sentence of ours: it has its twin."""
    for name, case, one in judged():
        given = json.dumps(case.given, ensure_ascii=False, default=str)
        for value in (one.wanted, one.found, one.unread.detail if one.unread else None):
            for phrase in strings(value):
                assert not [part for part in english(phrase) if part not in given], f"{name}: {phrase}"
            for text in texts(value):
                assert text.en.strip(), name
                assert text.ja.strip(), name
                assert JAPANESE.search(text.ja) or not english(text.en), f"{name}: {text}"


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from strings(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from strings(part)


def texts(value):
    if isinstance(value, Text):
        yield value
    elif isinstance(value, dict | list | tuple):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)


def test_english_phrases_are_told_from_words_of_aws():
    assert english("no rule that carries on")
    assert english("未設定: with some rule")
    assert not english("s3:ReplicateObject（対象: arn:aws:s3:::orders-analytics/*）")
    assert not english('replicates {"to": "arn:aws:s3:::b", "having": {"a": "b c"}}')
    assert not english("Object Created に一致")


def test_every_reason_of_ours_has_words():
    used = set()
    for path in PROGRAM.rglob("*.py"):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Unread" and call.args:
                used |= {part.value for part in ast.walk(call.args[0]) if isinstance(part, ast.Constant)}
    ours = {one for one in used if isinstance(one, str) and one[:1].isupper()} - {"Transform"}
    assert {"NotDeclared", "KnownAfterApply", "Timeout"} <= ours
    assert ours <= set(REASONS)


def calls_of_text():
    for path in sorted(PROGRAM.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Text":
                yield f"{path.relative_to(PROGRAM)}:{call.lineno}", call.args


def test_no_text_of_the_program_is_without_its_twin():
    literal = 0
    for place, arguments in calls_of_text():
        if not all(isinstance(one, ast.Constant | ast.JoinedStr) for one in arguments):
            continue
        literal += 1
        en, ja = (
            "".join(str(part.value) for part in ast.walk(one) if isinstance(part, ast.Constant)) for one in arguments
        )
        assert JAPANESE.search(ja) or not re.search("[A-Za-z]{2}", re.sub("`[^`]*`", "", en)), place
        assert not JAPANESE.search(re.sub("[「」]", "", en)), place
        holes = [sorted(set(re.findall(r"\{\d*\}", text))) for text in (en, ja)]
        assert len(re.findall(r"\{\d*\}", en)) == len(re.findall(r"\{\d*\}", ja)), f"{place}: {holes}"
    assert literal > 300


def report(rule="lifecycle-configured"):
    chosen = next(one for one in RULES if one.id == rule)
    cases = [case for case in chosen.cases if case.expect in {Verdict.FAIL, Verdict.UNKNOWN}]
    found = [judge(chosen, subject_of(case, chosen), snapshot_of(case), PREDICATES) for case in cases]
    return Report(tuple(found), tuple(snapshot_of(case) for case in cases[:1]))


def told(name, lang):
    stream = io.StringIO()
    FORMATS[name].write(report(), stream, Options(lang=lang, width=100))
    return stream.getvalue()


@pytest.mark.parametrize("name", ["json", "csv"])
def test_what_programs_read_does_not_depend_on_the_language(name):
    assert told(name, "ja") == told(name, "en")
    assert "an Enabled rule with an action for exports/AWSDynamoDB/" in told(name, "en")


def test_what_tells_findings_apart_does_not_depend_on_the_language():
    english, japanese = (json.loads(told("sarif", lang))["runs"][0]["results"] for lang in ("en", "ja"))
    assert [one["partialFingerprints"] for one in english] == [one["partialFingerprints"] for one in japanese]
    assert english[0]["message"] != japanese[0]["message"]


@pytest.mark.parametrize("name", ["table", "markdown", "junit", "github", "gitlab"])
def test_people_read_evidence_in_their_language(name):
    english, japanese = told(name, "en"), told(name, "ja")
    assert "an Enabled rule with an action for exports/AWSDynamoDB/" in " ".join(english.split())
    assert "an Enabled rule" not in japanese
    assert "何らかのアクション" in japanese


def test_the_page_has_both_languages_of_evidence():
    page = told("html", "en")
    assert "何らかのアクション" in page
    assert "an Enabled rule with an action" in page


def test_words_inside_a_document_are_said_too():
    text = Text("never", "無期限")
    assert in_words({"a": [text, 1]}, "ja") == {"a": ["無期限", 1]}
    assert Text("{} of {}", "{1} の {0}").fill(text, 2) == Text("never of 2", "2 の無期限")
    assert wanted_text(Evidence("x", [text]), "ja") == '["無期限"]'
