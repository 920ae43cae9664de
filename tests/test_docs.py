"""Pages of rules: complete in both languages, true to the rule, and Markdown whatever the texts say."""

import re

import pytest
from markdown_it import MarkdownIt

from auditor.docs import index, page, pages, reference
from auditor.docs.page import permissions
from auditor.docs.reference import form
from auditor.files import parse_yaml
from auditor.model import NODES, Safety, Verdict
from auditor.render.words import severity_word
from auditor.rulebook import load, read

RULES = load(vet=False)
MARKDOWN = MarkdownIt("commonmark").enable("table")
HEADINGS = {
    "en": ["What it checks", "Why", "Good", "Bad", "Fix", "Permissions", "References"],
    "ja": ["検査内容", "理由", "良い例", "悪い例", "修正", "必要な権限", "参考資料"],
}


def headings(text, level=2):
    return re.findall(rf"(?m)^{'#' * level} (.*)$", text)


@pytest.mark.parametrize("lang", ["en", "ja"])
@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_page_has_every_part_in_its_order(rule, lang):
    text = page(rule, lang)
    assert text.startswith(f"# {rule.title.say(lang)}\n")
    found = [one for one in headings(text) if one in HEADINGS[lang]]
    assert found == [one for one in HEADINGS[lang] if rule.references or one not in {"References", "参考資料"}]
    assert f"`{rule.id}`" in text
    assert f"**{severity_word(rule.severity, lang)}**" in text
    for check in re.findall(r"\*\*([a-z_]+)\*\*", text):
        assert check
    assert all(f"<{link}>" in text for link in rule.references)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_examples_are_the_first_cases_and_can_be_given_again(rule):
    blocks = re.findall(r"(?ms)^## (Good|Bad)\n.*?^```yaml\n(.*?)^```", page(rule, "en"))
    for (_, block), verdict in zip(blocks, (Verdict.PASS, Verdict.FAIL), strict=True):
        case = next(case for case in rule.cases if case.expect is verdict)
        assert parse_yaml(block, "example").value == dict(case.given)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_page_names_the_permissions_of_its_facets(rule):
    reading, writing = permissions(rule)
    text = page(rule, "en")
    assert all(f"`{action}`" in text for action in (*reading, *writing))
    edits = rule.fix.edits if rule.fix else ()
    if rule.fix and rule.fix.safety is Safety.MANUAL:
        assert writing == ()
    elif any(edit.action != "only_if" for edit in edits):
        assert writing
    assert not set(reading) & set(writing)


BASE = """id: odd
title: {en: "A | pipe, `code` and <b>no tag</b>", ja: "縦線 | と `コード` と <b>タグ</b>"}
severity: low
subject: source_bucket
why: {en: "First <script>alert(1)</script>.", ja: "まず <script>alert(1)</script>。"}
check:
  - any:
      - {at: Versioning.Status, one_of: [Enabled]}
      - in: Lifecycle.Rules
        every:
          - {at: ID, matches: "a`b|c.*"}
          - not: [{present: false}]
  - {at: Policy.Id, equals: x, default: "y"}
tests:
  - {name: "with ``` inside", given: {source_bucket: {Versioning: {Status: Enabled}, Policy: {Id: "```"}}}, expect: fail}
"""


def odd(lang="en"):
    return page(read(parse_yaml(BASE, "odd.yaml"), vet=False), lang)


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_no_text_of_a_rule_becomes_markup(lang):
    html = MARKDOWN.render(odd(lang))
    assert "<script" not in html
    assert "<b>" not in html
    assert "&lt;script&gt;" in html


def test_nested_checks_are_nested_lists():
    text = odd()
    assert "- one of these holds:\n  - `Versioning.Status` **one_of** `[Enabled]`: The value is one of these.\n" in text
    assert "  - every item of `Lifecycle.Rules` meets all of:\n    - `ID` **matches** ``a`b|c.*``:" in text
    assert "    - these do not hold together:\n      - the item **present** `false`:" in text
    assert "- `Policy.Id` **equals** `x` (absent counts as `y`):" in text


def test_an_example_with_fences_stays_one_block():
    tokens = [token for token in MARKDOWN.parse(odd()) if token.type == "fence"]
    assert [parse_yaml(token.content, "f").value["source_bucket"]["Policy"]["Id"] for token in tokens] == ["```"]


def test_the_page_of_all_rules_has_a_row_and_a_section_for_each():
    text = index(RULES)
    first = MARKDOWN.parse(text.partition("## Writing a rule")[0])
    assert sum(token.type == "tr_open" for token in first) == len(RULES) + 1
    for rule in RULES:
        assert f"| [{rule.id}](#{rule.id}) |" in text
        assert f"\n### {rule.id}\n" in text
        assert rule.title.ja in text


def test_every_predicate_edit_node_and_facet_is_in_the_reference():
    from auditor.edits import EDITS
    from auditor.kinds import KINDS
    from auditor.predicates import PREDICATES

    for lang in ("en", "ja"):
        text = reference(lang)
        assert set(headings(text, 3)) == {*PREDICATES.rows, *EDITS.rows, *NODES}
        for kind in KINDS.rows.values():
            assert all(f"| `{facet}` |" in text for facet in kind.facets)


def test_pages_link_to_each_other_and_nowhere_else():
    made = pages(RULES)
    for name, text in made.items():
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert f"{name.partition('/')[0]}/{target}" in made, (name, target)


@pytest.mark.parametrize(
    ("schema", "en", "ja"),
    [
        ({"type": "integer"}, "a whole number", "整数"),
        ({"type": ["string", "null"]}, "text or `null`", "文字列 または `null`"),
        ({"const": True}, "`true`", "`true`"),
        ({"enum": ["a", 1]}, "`a` or `1`", "`a` または `1`"),
        ({"type": "array", "items": {"type": "string"}}, "a list of text", "文字列のリスト"),
        ({"type": "array"}, "a list", "リスト"),
        (
            {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
            "text, or a list of these",
            "文字列、またはそのリスト",
        ),
        (
            {"anyOf": [{"type": "string"}, {"type": "boolean"}]},
            "text, or `true` or `false`",
            "文字列、または `true` または `false`",
        ),
        (
            {"type": "object", "properties": {"to": {"type": "string"}, "of": {}}, "required": ["to"]},
            "a mapping with `to`: text; `of` (optional): anything",
            "次のキーを持つマッピング: `to`: 文字列; `of` (省略可): 任意の値",
        ),
    ],
)
def test_a_parameter_is_described_in_a_line(schema, en, ja):
    assert (form(schema), form(schema, "ja")) == (en, ja)
