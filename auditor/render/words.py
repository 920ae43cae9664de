"""Every word that a report says by itself, in the two languages of the product."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from auditor.model import Severity, Text, Verdict
from auditor.scope import reason_text

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

NODES: Mapping[str, Text] = MappingProxyType(
    {
        "table": Text("table", "テーブル"),
        "exporter": Text("exporter", "エクスポート実行ロール"),
        "source_bucket": Text("source bucket", "送信元バケット"),
        "consumer": Text("consumer", "コンシューマー"),
        "replication_role": Text("replication role", "レプリケーションロール"),
        "destination_bucket": Text("destination bucket", "送信先バケット"),
        "source_key": Text("source key", "送信元の KMS キー"),
        "destination_key": Text("destination key", "送信先の KMS キー"),
        "catalog_table": Text("catalog table", "カタログテーブル"),
    }
)

PAGE: Mapping[str, Text] = MappingProxyType(
    {
        "page-title": Text("auditor report", "auditor レポート"),
        "page-skip": Text("Skip to the findings", "指摘一覧へ移動"),
        "page-language": Text("Language", "言語"),
        "page-theme": Text("Theme", "テーマ"),
        "page-theme-auto": Text("Theme: system", "テーマ: システム設定"),
        "page-theme-light": Text("Theme: light", "テーマ: ライト"),
        "page-theme-dark": Text("Theme: dark", "テーマ: ダーク"),
        "page-noscript": Text(
            "This page draws the report with a script of its own, without any network. Allow scripts to see it.",
            "このページはページ内のスクリプトでレポートを描画します（通信は行いません）。スクリプトを許可してください。",
        ),
        "page-summary": Text("Summary", "概要"),
        "page-trend": Text("Trend", "推移"),
        "page-trend-text": Text(
            "{} runs. Failed on {}: {}; on {}: {}.", "{} 回の実行。{} の不合格は {} 件、{} は {} 件。"
        ),
        "page-trend-run": Text(
            "{}: {} failed, {} unknown, {} new, {} fixed", "{}: 不合格 {} 件、不明 {} 件、新規 {} 件、解消 {} 件"
        ),
        "page-pipelines": Text("Pipelines", "パイプライン"),
        "page-findings": Text("Findings", "指摘一覧"),
        "page-notices": Text("Notices", "お知らせ"),
        "page-diagram": Text("Diagram of the pipeline {}", "パイプライン {} の構成図"),
        "page-diagram-hint": Text(
            "Choose a node or an arrow to see its findings.", "ノードや矢印を選ぶと、その指摘だけを表示します。"
        ),
        "page-account": Text("Account", "アカウント"),
        "page-edge-export": Text("export", "エクスポート"),
        "page-edge-call": Text("starts", "実行"),
        "page-edge-notify": Text("event", "イベント通知"),
        "page-edge-replicate": Text("replication", "レプリケーション"),
        "page-edge-encrypt": Text("encrypts", "暗号化"),
        "page-edge-query": Text("query", "クエリ"),
        "page-state-fail": Text("failed", "不合格"),
        "page-state-unknown": Text("unknown", "不明"),
        "page-state-waived": Text("waived", "適用除外"),
        "page-state-known": Text("in the baseline", "ベースラインに既出"),
        "page-state-pass": Text("passed", "合格"),
        "page-state-na": Text("not applicable", "対象外"),
        "page-filter": Text("Filters", "絞り込み"),
        "page-filter-text": Text("Search rules, names, evidence", "ルール・名前・根拠を検索"),
        "page-filter-severity": Text("Severity", "重大度"),
        "page-filter-state": Text("Verdict", "判定"),
        "page-filter-clear": Text("Clear filters", "絞り込みを解除"),
        "page-filter-place": Text("Only {}", "{} のみ"),
        "page-shown": Text("{} of {} findings shown", "{1} 件中 {0} 件を表示"),
        "page-nothing-wrong": Text(
            "Nothing is wrong. Choose “passed” to see what was judged.",
            "問題はありません。「合格」を選ぶと、判定した内容を表示します。",
        ),
        "page-nothing-shown": Text("No finding matches the filters.", "条件に一致する指摘はありません。"),
        "page-why": Text("Why it matters", "なぜ重要か"),
        "page-evidence": Text("Evidence", "根拠"),
        "page-document": Text("Document", "ドキュメント"),
        "page-fix": Text("Fix", "修正方法"),
        "page-no-fix": Text(
            "There is no fix for this rule; it asks for a decision.",
            "このルールに自動修正はありません。判断が必要です。",
        ),
        "page-no-fix-yet": Text(
            "Nothing is mended while this is unknown: make it readable, then audit again.",
            "不明な間は修正しません。読み取れるようにしてから、もう一度監査してください。",
        ),
        "page-command": Text("By command", "コマンド"),
        "page-resource": Text("Resource", "リソース"),
        "page-region": Text("Region", "リージョン"),
        "page-fingerprint": Text("Fingerprint", "フィンガープリント"),
        "page-waiver": Text("Waiver", "適用除外の内容"),
        "page-references": Text("References", "参考資料"),
        "page-route": Text("where", "対象"),
        "page-source": Text("source", "読み取り元"),
        "page-started": Text("started", "開始"),
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
        "not-known": Text("not known: {}", "不明: {}"),
        "needs": Text("; needs {}", "、{} の権限が必要です"),
        "fix-safe": Text("Safe: --fix mends it.", "安全: --fix で修正できます。"),
        "fix-review": Text(
            "Review: --fix=review mends it, once you have looked.",
            "要確認: 内容を見たうえで --fix=review で修正します。",
        ),
        "fix-manual": Text("By hand", "手作業"),
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
        "clean-but-accepted": Text(
            "Nothing is wrong beyond what was accepted.", "受け入れ済みのもの以外に問題は見つかりませんでした。"
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


def reason_word(reason: str, lang: str) -> str:
    """Return why something is not known: auditor's own reasons in a language, AWS's codes as they are."""
    return reason_text(reason).say(lang)


def verdict_word(verdict: Verdict, lang: str) -> str:
    """Return what a verdict is called in a language."""
    return VERDICTS[verdict].say(lang)
