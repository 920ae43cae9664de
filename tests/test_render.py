"""What every format has in common: counts, exit codes, order, the schema and the golden examples."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from render import sample

from auditor.errors import Place
from auditor.model import Evidence, Report, Severity, Text, Unread, Usage, Verdict
from auditor.render import FORMATS, Options, closing_line, combine, exit_code, totals
from auditor.render.display import clip, plain, width, wrap

SCHEMAS = sample.EXAMPLES.parent / "schemas"


EVIL = "<script>alert(1)</script>\x1b[31m\u202e\u2028|`=cmd\r\n::error::%0A]]>\x00\udc80\uffff日本"


def told(name: str, report: Report, **options) -> str:
    stream = io.StringIO()
    FORMATS[name].write(report, stream, Options(**options))
    return stream.getvalue()


def only(*verdicts: Verdict, severity: Severity = Severity.HIGH, waived: bool = False, known: bool = False) -> Report:
    first = sample.report().findings[0]
    waiver = next(one.waiver for one in sample.report().findings if one.waiver) if waived else None
    gap = Evidence("source_bucket.Versioning.Status", "Enabled", unread=Unread("AccessDenied"))
    evidence = {Verdict.PASS: (), Verdict.NOT_APPLICABLE: (), Verdict.FAIL: first.evidence, Verdict.UNKNOWN: (gap,)}
    return Report(
        tuple(
            replace(
                first,
                rule=f"rule-{n}",
                verdict=verdict,
                severity=severity,
                waiver=waiver,
                known=known,
                evidence=evidence[verdict],
            )
            for n, verdict in enumerate(verdicts)
        ),
        started_at="2026-11-24T18:00:00Z",
    )


P, F, U, N = Verdict.PASS, Verdict.FAIL, Verdict.UNKNOWN, Verdict.NOT_APPLICABLE
HIGH, LOW, INFO, CRITICAL = Severity.HIGH, Severity.LOW, Severity.INFO, Severity.CRITICAL


@pytest.mark.parametrize(
    ("report", "fail_on", "code"),
    [
        (only(P, N), LOW, 0),
        (only(P, F), LOW, 1),
        (only(P, U), LOW, 3),
        (only(F, U), LOW, 1),
        (only(F), CRITICAL, 0),
        (only(U), CRITICAL, 0),
        (only(U), HIGH, 3),
        (only(F, severity=INFO), LOW, 0),
        (only(F, severity=INFO), INFO, 1),
        (only(F, U, waived=True), INFO, 0),
        (only(F, U, known=True), INFO, 0),
        (only(), LOW, 2),
    ],
)
def test_exit_code(report, fail_on, code):
    assert exit_code(report, fail_on) == code
    assert json.loads(told("json", report, fail_on=fail_on))["exit_code"] == code


def test_codes_combine_in_the_order_of_the_contract():
    assert [combine(codes) for codes in ([], [0, 3], [3, 1], [1, 4], [4, 2], [2, 5], [0])] == [0, 3, 1, 4, 2, 5, 0]


def test_every_finding_is_counted_exactly_once():
    sums = totals(sample.report())
    counted = sums.passed + sums.not_applicable + sums.failed + sums.unknown + sums.waived + sums.known
    assert counted == len(sample.report().findings)
    assert sums.safe + sums.review + sums.manual == sums.failed == sum(count for _, count in sums.failed_by)
    assert sums.gating == 5
    assert totals(sample.report(), CRITICAL).gating == 3


def test_a_fix_that_is_blocked_counts_as_manual():
    failed = replace(sample.report().findings[0], fixable=False)
    assert totals(Report((failed,))).manual == 1


@pytest.mark.parametrize(
    ("lang", "parts"),
    [
        ("en", ["24 declared", "22 read", "1 unknown", "4 failed (critical 2, high 1, medium 1)", "1 waived (1 ending soon)",
                "fixable: 2 safe, 1 review, 1 manual", "26 calls, 1 retry, 3.2 s"]),
        ("ja", ["宣言 24 件", "読み取り 22 件", "不明 1 件", "不合格 4 件（致命的 2、高 1、中 1）", "適用除外 1 件（うち 1 件",
                "安全 2 件・要確認 1 件・手作業 1 件", "API 呼び出し 26 回・再試行 1 回・3.2 秒"]),
    ],
)  # fmt: skip
def test_closing_line_counts_everything_on_one_line(lang, parts):
    line = closing_line(sample.report(), lang)
    assert [part for part in parts if part not in line] == []
    assert "\n" not in line
    assert told("table", sample.report(), lang=lang).splitlines()[-1] == line


def test_json_keeps_its_schema():
    schema = json.loads((SCHEMAS / "report-v1.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    for report in (sample.report(), only(), only(P, F, U, N), hostile()):
        errors = list(Draft202012Validator(schema).iter_errors(json.loads(told("json", report))))
        assert errors == []


def test_json_does_not_depend_on_the_order_of_findings_or_the_language():
    report = sample.report()
    assert told("json", replace(report, findings=report.findings[::-1])) == told("json", report)
    assert told("json", report, lang="ja") == told("json", report)


def test_json_holds_what_is_unread_inside_a_document():
    first = sample.report().findings[0]
    found = {"A": [Unread("KnownAfterApply")], "B": float("nan"), "C": "\udc80"}
    report = Report((replace(first, evidence=(Evidence("x", found=found),)),))
    told_found = json.loads(told("json", report))["findings"][0]["evidence"][0]["found"]
    assert told_found["A"] == [{"unread": {"reason": "KnownAfterApply", "permission": "", "detail": ""}}]
    assert told_found["B"] == "nan"


@pytest.mark.parametrize("columns", [80, 100, 140])
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_table_fits(columns, lang):
    *lines, _closing = told("table", sample.report(), width=columns, lang=lang).splitlines()
    assert [line for line in lines if width(line) > columns] == []


def test_table_says_what_was_not_read_and_which_permission_would_help():
    text = told("table", sample.report())
    assert "not read: AccessDenied; needs s3:GetBucketVersioning" in text
    assert "読み取れません: AccessDenied、s3:GetBucketVersioning の権限が必要です" in told(
        "table", sample.report(), lang="ja"
    )


def test_table_shows_the_worst_first_and_the_accepted_apart():
    text = told("table", sample.report(), width=140)
    order = [
        text.index(rule)
        for rule in ("notification-hears", "pitr-enabled", "delete-markers", "noncurrent", "versioning")
    ]
    assert order == sorted(order)
    waived = text[text.index("waived (1)") :]
    assert "The nightly copy may take an hour (data-team, until 2026-12-01) [ends soon]" in waived
    assert "replication-time-control" not in text[: text.index("waived (1)")]


def test_table_without_colour_has_no_escape_and_with_colour_says_the_same():
    plain_text, coloured = told("table", sample.report()), told("table", sample.report(), colour=True)
    assert "\x1b" not in plain_text
    import re

    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain_text
    assert "\x1b[31m" in coloured


def test_what_was_accepted_is_not_called_nothing():
    assert "Nothing is wrong." in told("table", only(P))
    for report in (only(F, waived=True), only(F, known=True)):
        for name in ("table", "markdown"):
            assert "Nothing is wrong beyond what was accepted" in told(name, report)


def test_folded_japanese_has_no_spaces_of_the_fold():
    first = replace(sample.report().findings[0], title=Text("a\nb", "許可が\n必要で、S3 の\n設定は「無効」\nです"))
    assert "許可が必要で、S3 の設定は「無効」です" in told("table", Report((first,)), lang="ja")
    assert "a b" in told("table", Report((first,)))


def test_table_says_that_findings_are_hidden():
    text = told("table", sample.report(), min_severity=CRITICAL)
    assert "replication-delete-markers" not in text
    assert "5 below critical not shown" in text
    assert "4 failed" in text


def hostile() -> Report:
    """Return a report of which every name tries something."""
    evil = EVIL
    first, second = sample.report().findings[0], sample.report().findings[4]
    node = replace(first.resource.node, id=evil, place=Place("dir/" + evil, 3))
    resource = replace(first.resource, node=node, attributes={"Arn": "arn:aws:s3:::" + evil})
    text = Text(evil, evil)
    bad = replace(
        first,
        pipeline=evil,
        title=text,
        why=text,
        resource=resource,
        evidence=(Evidence(evil, evil, {evil: evil}, node.place, text, None, evil),),
        steps=text,
        cost=text,
        references=("javascript:alert(1)", evil),
        tags=(evil,),
    )
    gap = replace(
        second,
        pipeline=evil,
        resource=resource,
        title=text,
        evidence=(Evidence(evil, unread=Unread(evil, evil, evil)),),
    )
    waiver = replace(next(one.waiver for one in sample.report().findings if one.waiver), reason=evil, owner=evil)
    return replace(
        sample.report(), findings=(bad, gap, replace(bad, node="table", waiver=waiver)), usage=Usage(1, 0, 0.5)
    )


@pytest.mark.parametrize("name", sorted(FORMATS))
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_no_format_lets_a_name_steer_the_terminal(name, lang):
    text = told(name, hostile(), lang=lang, colour=False)
    text.encode("utf-8")
    if name == "table":
        assert not {char for char in text if not char.isprintable()} - {"\n"}


@pytest.mark.parametrize(
    ("text", "columns", "lines"),
    [
        ("a bb ccc", 4, ["a bb", "ccc"]),
        ("", 10, [""]),
        ("abcdefgh", 3, ["abc", "def", "gh"]),
        ("日本語です。はい", 10, ["日本語で", "す。はい"]),
        ("（注）日本", 6, ["（注）", "日本"]),
        ("table.Versioning.Status", 18, ["table.Versioning.", "Status"]),
    ],
)
def test_wrap(text, columns, lines):
    assert wrap(text, columns) == lines


def test_clip_and_plain():
    assert clip("日本語", 5) == "日本…"
    assert width(clip("日本語", 4)) <= 4
    assert plain("a\x1b[2J\u202eb\n\udc80") == "a\\x1b[2J\\u202eb\\x0a\\udc80"
    assert plain("日本語　Ünï — ok") == "日本語　Ünï — ok"


def test_golden_examples_are_what_the_formats_write():
    from render.regenerate import examples

    written = {path.name: path.read_bytes().decode() for path in sample.EXAMPLES.iterdir() if path.suffix != ".png"}
    told_now = dict(examples())
    assert set(told_now) <= set(written)
    assert [name for name, content in told_now.items() if written[name] != content] == []


def test_every_format_is_in_the_table_described_and_has_its_example():
    from importlib import import_module

    folder = sample.EXAMPLES.parents[1] / "auditor" / "render"
    named = {path.stem for path in folder.glob("*.py") if "\nFORMAT = " in path.read_text("utf-8")}
    assert {import_module(f"auditor.render.{stem}").FORMAT for stem in named} == set(FORMATS.values())
    readme = (sample.EXAMPLES.parent / "README.md").read_text("utf-8")
    for name, row in FORMATS.items():
        assert row.name == name
        assert f"`{name}`" in readme
        assert (sample.EXAMPLES / f"{name}.{row.media}").exists()


def texts():
    """Yield where each `Text(…)` of the renderers and waivers is written, and its two arguments."""
    import ast

    root = sample.EXAMPLES.parents[1] / "auditor"
    for path in [*sorted((root / "render").glob("*.py")), root / "waivers.py"]:
        for call in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "Text":
                parts = [
                    "".join(part.value for part in ast.walk(arg) if isinstance(part, ast.Constant)) for arg in call.args
                ]
                yield f"{path.name}:{call.lineno}", parts


def test_no_text_is_without_its_twin():
    import re

    found = list(texts())
    assert len(found) > 100
    japanese = re.compile("[ぁ-んァ-ヶ一-龠]")
    for place, parts in found:
        assert len(parts) == 2, place
        en, ja = parts
        assert en.strip() and japanese.search(ja), place
        assert not japanese.search(en), place
        numbered = [re.sub(r"\{[01]\}", "{}", text) for text in (en, ja)]
        assert numbered[0].count("{}") == numbered[1].count("{}"), place
        assert set(re.findall(r"\{\w+\}", numbered[1])) <= set(re.findall(r"\{\w+\}", numbered[0])), place


def test_every_word_is_used_and_every_used_word_exists():
    import re

    from auditor.render import words

    root = sample.EXAMPLES.parents[1]
    python = "".join(
        path.read_text("utf-8") for path in (root / "auditor" / "render").glob("*.py") if path.name != "words.py"
    )
    asked = set(re.findall(r'say\(\s*"([a-z-]+)"', python)) | set(re.findall(r'WORDS\["([a-z-]+)"\]', python))
    assert asked <= set(words.WORDS)
    everything = python + "".join(
        path.read_text("utf-8") for path in (root / "reports" / "templates").rglob("*") if path.is_file()
    )
    unused = [key for key in words.WORDS if not re.search(f"[\"']{key}[\"']", everything)]
    assert unused == []
    dynamic = ("page-edge-", "page-state-", "page-theme-")
    bare = [key.removeprefix("page-") for key in words.PAGE if not key.startswith(dynamic)]
    assert [key for key in bare if f'"{key}"' not in everything and f'pair("{key}"' not in everything] == []


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])), st.integers(2, 60))
def test_wrapped_text_fits_and_loses_nothing(text, columns):
    told_text = plain(text)
    lines = wrap(told_text, columns)
    assert all(width(line) <= columns for line in lines)
    assert "".join("".join(lines).split()) == "".join(told_text.split())
