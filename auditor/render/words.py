"""Every word that a report says by itself, in the two languages of the product."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from auditor.model import Severity, Text, Verdict

SEVERITIES: Mapping[Severity, Text] = MappingProxyType(
    {
        Severity.CRITICAL: Text("critical", "致命的"),
        Severity.HIGH: Text("high", "高"),
        Severity.MEDIUM: Text("medium", "中"),
        Severity.LOW: Text("low", "低"),
        Severity.INFO: Text("info", "情報"),
    }
)

VERDICTS: Mapping[Verdict, Text] = MappingProxyType(
    {
        Verdict.PASS: Text("pass", "合格"),
        Verdict.FAIL: Text("fail", "不合格"),
        Verdict.UNKNOWN: Text("unknown", "不明"),
        Verdict.NOT_APPLICABLE: Text("not applicable", "対象外"),
    }
)

WORDS: Mapping[str, Text] = MappingProxyType(
    {
        "severity": Text("severity", "重大度"),
        "verdict": Text("verdict", "判定"),
        "rule": Text("rule", "ルール"),
        "node": Text("node", "ノード"),
        "title": Text("title", "内容"),
        "waived": Text("waived", "適用除外"),
        "known": Text("in the baseline", "ベースラインに既出"),
        "absent": Text("absent", "なし"),
        "wanted": Text("wanted", "期待"),
        "found": Text("found", "実際"),
        "note": Text("note", "補足"),
        "why": Text("why", "理由"),
        "place": Text("at", "場所"),
        "fix": Text("fix", "修正"),
        "cost": Text("cost", "費用"),
        "not-read": Text("not read: {}", "読み取れません: {}"),
        "needs": Text("needs {}", "{} の権限が必要です"),
        "fix-safe": Text("safe, by --fix", "--fix で安全に修正できます"),
        "fix-review": Text(
            "by --fix=review, after you have looked at it", "内容を確認のうえ --fix=review で修正できます"
        ),
        "fix-manual": Text("by hand", "手作業で修正します"),
        "waived-by": Text("{reason} ({owner}, until {until})", "{reason}（{owner}、{until} まで）"),
        "ends-soon": Text("ends soon", "まもなく期限切れ"),
        "passed-count": Text("{} passed, {} not applicable", "合格 {} 件、対象外 {} 件"),
        "hidden-count": Text("{} below {} not shown", "{1} 未満の {0} 件は表示していません"),
        "notices": Text("notices", "お知らせ"),
        "hint-explain": Text("What, why and how: {}", "内容・理由・直し方: {}"),
        "hint-fix": Text("See every change first, then mend: {}", "変更をすべて確認してから修正: {}"),
        "hint-permissions": Text("What this run may not read yet: {}", "足りない読み取り権限の一覧: {}"),
        "shortened": Text(
            "… ({} more characters, whole in --format json)", "…（残り {} 文字。全体は --format json にあります）"
        ),
        "source-root": Text("The root of the repository.", "リポジトリのルートです。"),
        "left-out": Text("{} more findings were left out: too many.", "件数が上限を超えたため、{} 件を省略しました。"),
        "not-applicable": Text("not applicable", "対象外"),
        "more-evidence": Text("and {} more", "ほか {} 件"),
        "nothing": Text(
            "Nothing was audited: no rule applies to what is declared.",
            "監査対象がありません。宣言された内容に当てはまるルールがありません。",
        ),
        "clean": Text("Nothing is wrong.", "問題は見つかりませんでした。"),
        "close-declared": Text("{} declared", "宣言 {} 件"),
        "close-read": Text("{} read", "読み取り {} 件"),
        "close-unknown": Text("{} unknown", "不明 {} 件"),
        "close-failed": Text("{} failed", "不合格 {} 件"),
        "close-waived": Text("{} waived", "適用除外 {} 件"),
        "close-ending": Text("{} ending soon", "うち {} 件はまもなく期限切れ"),
        "close-known": Text("{} in the baseline", "ベースラインに既出 {} 件"),
        "close-fixable": Text("fixable: {} safe, {} review, {} manual", "修正: 安全 {} 件・要確認 {} 件・手作業 {} 件"),
        "close-usage": Text(
            "{calls} {call}, {retries} {retry}, {seconds} s",
            "API 呼び出し {calls} 回・再試行 {retries} 回・{seconds} 秒",
        ),
    }
)


def say(word: str, lang: str) -> str:
    """Return a word of `WORDS` in a language."""
    return WORDS[word].say(lang)


def severity_word(severity: Severity, lang: str) -> str:
    """Return what a severity is called in a language."""
    return SEVERITIES[severity].say(lang)


def verdict_word(verdict: Verdict, lang: str) -> str:
    """Return what a verdict is called in a language."""
    return VERDICTS[verdict].say(lang)
