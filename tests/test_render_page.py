"""The HTML page in a real browser: drawn, clicked, filtered, read aloud, printed, and never tricked by a name."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html import unescape

import pytest
from render import sample
from test_render import hostile, only, told

from auditor.model import Past, Report, Severity, Verdict
from auditor.render.page import embedded

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
browser_test = [pytest.mark.browser, pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")]


def many(count: int) -> Report:
    first = sample.report().findings[0]
    severities = list(Severity)
    return replace(
        sample.report(),
        findings=tuple(
            replace(
                first,
                rule=f"rule-{n:05d}",
                severity=severities[n % 5],
                verdict=Verdict.UNKNOWN if n % 3 == 0 else Verdict.FAIL,
            )
            for n in range(count)
        ),
    )


# Without a browser: what the file says.


@pytest.mark.parametrize("report", [sample.report(), hostile(), only()], ids=["sample", "hostile", "empty"])
def test_the_policy_allows_exactly_the_script_and_style_of_the_page(report):
    page = told("html", report)
    policy = unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', page)[1])
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'; ")
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy
    assert not re.search(r"\son\w+=|style=|src=", re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL))


def test_nothing_in_the_data_can_end_its_element():
    text = embedded({"a": "</script><!--<script>&\u2028\u2029"})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"a": "</script><!--<script>&\u2028\u2029"}
    assert told("html", hostile()).count("</script>") == 2


def test_the_page_carries_only_documents_that_the_evidence_points_into():
    data = json.loads(re.search(r'id="report">(.*?)</script>', told("html", sample.report()), re.DOTALL)[1])
    documents = {(node["name"], facet) for node in data["pipelines"][0]["nodes"] for facet in node["documents"]}
    assert documents == {
        ("source_bucket", "Notification"), ("source_bucket", "Replication"), ("source_bucket", "Lifecycle"),
        ("table", "ContinuousBackups"),
    }  # fmt: skip


# With one: what a person sees.


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def show(chromium, tmp_path):
    """Open a report and fail the test on any script error, refused content, dialog or request beyond the file."""
    pages, troubles = [], []

    def opened(report: Report, fragment: str = "", lang: str = "en", **context):
        file = tmp_path / f"report-{len(pages)}.html"
        file.write_text(told("html", report, lang=lang), "utf-8")
        page = chromium.new_page(viewport={"width": 1200, "height": 900}, **context)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("dialog", lambda dialog: (troubles.append(dialog.message), dialog.dismiss()))
        page.on("request", lambda request: request.url.split("#")[0] == file.as_uri() or troubles.append(request.url))
        page.goto(file.as_uri() + fragment)
        pages.append(page)
        return page

    yield opened
    for page in pages:
        page.close()
    assert troubles == []


def waits(page, count: int) -> None:
    from playwright.sync_api import expect

    expect(page.locator("#lists .row")).to_have_count(count)


def rows(page) -> list[str]:
    return page.locator("#lists .rule").all_text_contents()


class TestInABrowser:
    pytestmark = browser_test

    def test_counts_and_lists(self, show):
        page = show(sample.report())
        numbers = page.locator(".tile .number").all_inner_texts()
        assert [re.sub(r"\D", "", number) for number in numbers] == ["4", "1", "1", "1", "1", "1"]
        heads = page.locator("#lists h3").all_inner_texts()
        assert [re.sub(r"^\W+", "", head) for head in heads] == [
            "failed (4)",
            "unknown (1)",
            "waived (1)",
            "in the baseline (1)",
        ]
        assert rows(page)[:2] == ["notification-hears-exports", "pitr-enabled"]
        assert page.locator("#shown").inner_text() == "7 of 9 findings shown"

    def test_a_finding_opens_with_evidence_document_and_fix(self, show):
        page = show(sample.report())
        row = page.locator(".row").first
        row.click()
        assert row.get_attribute("aria-expanded") == "true"
        details = page.locator(".details")
        assert "s3:ObjectCreated:CompleteMultipartUpload" in details.locator(".evidence").inner_text()
        assert "pipelines/orders.yaml:9" in details.locator(".evidence").inner_text()
        marked = "\n".join(details.locator("mark").all_inner_texts())
        assert "s3:ObjectCreated:Put" in marked
        assert "LambdaFunctionArn" not in marked
        assert "--fix mends it" in details.inner_text()
        row.press("Enter")
        assert page.locator(".details").count() == 0

    def test_an_unknown_says_what_was_missing_and_offers_no_fix(self, show):
        page = show(sample.report())
        page.locator("#list-unknown ~ ul .row").click()
        text = page.locator(".details").inner_text()
        assert "not read: AccessDenied; needs s3:GetBucketVersioning" in text
        assert "Nothing is mended while this is unknown" in text

    def test_the_trend_is_drawn_where_there_are_earlier_runs(self, show):
        assert not show(sample.report()).locator("#trend").is_visible()
        nights = (
            Past("2026-11-23T03:00:00Z", 7, 1, 7, 0),
            Past("2026-11-24T03:00:00Z", 0),
            Past("2026-11-25T03:00:00Z", 2, 0, 2, 0),
        )
        page = show(replace(sample.report(), history=nights), lang="ja")
        assert (
            page.locator("#trend-text").inner_text() == "3 回の実行。2026-11-23 の不合格は 7 件、2026-11-25 は 2 件。"
        )
        again = show(
            replace(sample.report(), history=(nights[2], replace(nights[2], started_at="2026-11-25T21:30:00Z")))
        )
        assert again.locator("#trend-text").inner_text() == (
            "2 runs. Failed on 2026-11-25 03:00: 2; on 2026-11-25 21:30: 2."
        )
        heights = [float(bar.get_attribute("height")) for bar in page.locator("#trend .failed").all()]
        assert heights[0] > heights[2] > heights[1] == 0
        assert page.locator("#trend title").first.text_content() == (
            "2026-11-23 03:00:00: 不合格 7 件、不明 1 件、新規 7 件、解消 0 件"
        )

    def test_filters(self, show):
        page = show(sample.report())
        for severity in ("critical", "high", "medium"):
            page.locator(f"#severities .{severity}").click()
        assert rows(page) == ["access-logging"]
        page.locator("#clear").click()
        assert len(rows(page)) == 7
        page.locator("#states .fail").click()
        assert "pitr-enabled" not in rows(page)
        page.locator("#clear").click()
        page.locator("#states .pass").click()
        assert len(rows(page)) == 8
        page.keyboard.press("/")
        page.locator("#search").fill("GetBucketVersioning orders-analytics")
        waits(page, 1)
        assert rows(page) == ["versioning-enabled"]
        page.locator("#search").fill("no such thing")
        waits(page, 0)
        assert page.locator("#shown").inner_text() == "No finding matches the filters."

    def test_nodes_and_arrows_lead_to_their_findings(self, show):
        page = show(sample.report())
        assert page.locator(".box").count() == 6
        assert page.locator(".ground").count() == 2
        table = page.get_by_role("button", name="table orders: failed 1")
        assert "fail" in table.get_attribute("class")
        table.click()
        assert rows(page) == ["pitr-enabled"]
        assert page.evaluate("document.activeElement.id") == "findings"
        page.locator("#place").click()
        bucket = page.get_by_role("button", name="destination bucket orders-analytics: unknown 1")
        bucket.focus()
        bucket.press("Enter")
        assert rows(page) == ["versioning-enabled"]
        page.get_by_role("button", name="event: failed 1").press("Space")
        assert rows(page) == ["notification-hears-exports"]

    def test_a_link_to_a_finding_opens_it(self, show):
        markers = sample.report().findings[2]
        page = show(sample.report(), "#" + markers.fingerprint)
        assert page.locator(".row[aria-expanded=true] .rule").all_inner_texts() == [markers.rule]

    def test_the_whole_page_changes_its_language(self, show):
        page = show(sample.report())
        page.locator(".row").first.click()
        page.locator("[data-lang=ja]").click()
        assert page.evaluate("document.documentElement.lang") == "ja"
        assert page.title() == "auditor レポート"
        assert page.locator(".row .title").first.inner_text() == "エクスポートの到着がコンシューマーに通知される"
        assert "マルチパートアップロード" in page.locator(".details").inner_text()
        english = {pair[0] for pair in page.evaluate("Object.values(report.words)") if pair[0] != pair[1]}
        shown = set(page.locator("h1, h2, h3, h4, dt, button, .label, .role, #shown, .hint").all_inner_texts())
        assert not shown & english
        page.locator("[data-lang=en]").click()
        assert page.locator("h1").inner_text() == "auditor report"

    def test_the_page_starts_in_the_language_of_the_report(self, show):
        page = show(sample.report(), lang="ja")
        assert page.locator("h1").inner_text() == "auditor レポート"

    def test_light_and_dark(self, show):
        page = show(sample.report(), color_scheme="dark")
        colour = "getComputedStyle(document.body).backgroundColor"
        dark = page.evaluate(colour)
        page.locator("#theme").click()
        light = page.evaluate(colour)
        page.locator("#theme").click()
        assert page.evaluate(colour) == dark != light
        assert page.locator("#theme").inner_text() == "Theme: dark"

    @pytest.mark.parametrize("scheme", ["light", "dark"])
    @pytest.mark.parametrize("lang", ["en", "ja"])
    def test_axe_finds_nothing(self, show, scheme, lang):
        from axe_playwright_python.sync_playwright import Axe

        page = show(sample.report(), lang=lang, color_scheme=scheme)
        for chip in ("pass", "na"):
            page.locator(f"#states .{chip}").click()
        for row in page.locator(".row").all():
            row.click()
        page.locator(".box").first.focus()
        results = Axe().run(page)
        assert [(one["id"], one["nodes"][0]["html"]) for one in results.response["violations"]] == []

    def test_every_control_is_reached_by_keyboard(self, show):
        page = show(sample.report())
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        wanted = page.locator("button, input, summary, [tabindex='0']").count()
        reached = set()
        for _ in range(wanted + 5):
            page.keyboard.press("Tab")
            reached.add(page.evaluate("[...document.querySelectorAll('*')].indexOf(document.activeElement)"))
        assert len(reached) >= wanted - page.locator("[hidden]").count()

    @pytest.mark.parametrize("lang", ["en", "ja"])
    def test_hostile_names_stay_text(self, show, lang):
        page = show(hostile(), lang=lang)
        for row in page.locator(".row").all():
            row.click()
        assert page.locator("script").count() == 2
        assert page.locator("a:not([href^='#']):not([href^='https://'])").count() == 0
        assert "<script>alert(1)</script>\\x1b[31m\\u202e" in page.locator("#lists").inner_text()
        text = page.evaluate("document.body.textContent")
        assert not set(text) & {"\x1b", "\u202e", "\u2028", "\x00"}

    def test_a_script_that_is_not_ours_does_not_run(self, chromium, tmp_path):
        (tmp_path / "r.html").write_text(told("html", sample.report()), "utf-8")
        page = chromium.new_page()
        page.goto((tmp_path / "r.html").as_uri())
        page.evaluate("""() => {
            const script = document.createElement("script");
            script.textContent = "window.pwned = true";
            document.body.append(script);
            document.body.insertAdjacentHTML("beforeend", "<img src=x onerror='window.pwned = true'>");
        }""")
        assert page.evaluate("window.pwned") is None
        page.close()

    def test_ten_thousand_findings_are_drawn_as_they_come_into_sight(self, show):
        from playwright.sync_api import expect

        page = show(many(10_000))
        assert page.locator("#shown").inner_text() == "10000 of 10000 findings shown"
        assert page.evaluate("document.querySelectorAll('*').length") < 6000
        page.locator("#lists section:last-child ul:last-child").scroll_into_view_if_needed()
        expect(page.locator("#lists section:last-child ul:last-child .row").first).to_be_attached()
        assert page.evaluate("document.querySelectorAll('*').length") < 12000
        page.locator("#search").fill("rule-09998")
        waits(page, 1)
        assert rows(page) == ["rule-09998"]

    def test_printing_opens_what_counts_and_hides_the_controls(self, show):
        page = show(sample.report())
        page.evaluate("dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        assert page.locator(".details").count() == 5
        assert not page.locator("#filters").is_visible()
        assert page.locator(".tiles").is_visible()
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        assert page.locator(".details").count() == 0
        assert page.pdf().startswith(b"%PDF")

    def test_an_empty_report_and_a_narrow_screen(self, show):
        page = show(only())
        assert "Nothing was audited" in page.locator("#closing").inner_text()
        assert not page.locator("#pipelines").is_visible()
        narrow = show(sample.report())
        narrow.set_viewport_size({"width": 360, "height": 800})
        for row in narrow.locator(".row").all():
            row.click()
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 360
        spills = (
            "[...document.querySelectorAll('.details p')].filter((one) => one.scrollWidth > one.clientWidth).length"
        )
        assert narrow.evaluate(spills) == 0

    def test_a_clean_report_says_so(self, show):
        from playwright.sync_api import expect

        page = show(only(Verdict.PASS, Verdict.NOT_APPLICABLE))
        assert page.locator("#shown").inner_text().startswith("Nothing is wrong.")
        page.locator("#search").fill("no such thing")
        expect(page.locator("#shown")).to_have_text("No finding matches the filters.")
