"""What the verbs say by themselves, beside reports and plans."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from auditor.errors import Text

WAYS = Text(
    "The same changes as AWS CLI, Terraform and CloudFormation: auditor plan …",
    "同じ変更を AWS CLI・Terraform・CloudFormation で見るには: auditor plan …",
)
WHOLE_PAGE = Text(
    "What the rule checks, with examples and permissions: auditor explain {}",
    "ルールの検査内容、例、必要な権限: auditor explain {}",
)
DECLINED = Text("Nothing was changed: the answer was no.", "変更していません（回答が「いいえ」だったため）。")
AGAIN = Text("\nAuditing again.", "\nもう一度監査します。")
MAKE_IT = Text("Make this change?", "この変更を適用しますか?")
MAKE_THEM = Text("Make these {} changes?", "この {} 件の変更を適用しますか?")
HALF_WAY = Text(
    "Run {0} stopped half-way. Finish it: auditor apply --resume {0}; undo it: auditor rollback {0}",
    "実行 {0} は途中で止まっています。続行: auditor apply --resume {0}、取り消し: auditor rollback {0}",
)
ENDED = Text("Run {0}: {1}. To undo it: auditor rollback {0}", "実行 {0}: {1}。取り消すには: auditor rollback {0}")
CAME_TO = Text("Run {}: {}", "実行 {}: {}")
LEFT_REVIEW = Text(
    "{} more can be mended after review: auditor audit --fix=review",
    "あと {} 件は確認の上で修正できます: auditor audit --fix=review",
)
LEFT_MANUAL = Text(
    "{} left to a person: auditor explain RULE says what to do.",
    "{} 件は人の判断が必要です: auditor explain RULE で手順を確認できます。",
)
NO_RUN = Text("No run has changed anything yet.", "まだ何も変更していません。")
PLANNED = Text("{0}: {1}. To apply: auditor apply {0}", "{0}: {1}。適用するには: auditor apply {0}")
STANDS: Mapping[str, Text] = MappingProxyType(
    {
        "before": Text("not made", "未適用"),
        "after": Text("made", "適用済み"),
        "between": Text("made in part", "一部だけ適用済み"),
        "changed": Text("changed by somebody else", "ほかの変更が入っています"),
    }
)
"""Where a change of a run stands in AWS."""

RULE_HEADS = (
    Text("rule", "ルール"),
    Text("severity", "重大度"),
    Text("node", "ノード"),
    Text("fix", "修正"),
    Text("tags", "タグ"),
    Text("title", "内容"),
)
DIFFERENCES: Mapping[str, Text] = MappingProxyType(
    {
        "new": Text("new", "新規"),
        "fixed": Text("fixed", "解消"),
        "changed": Text("changed", "変化"),
        "unknown": Text("unknown", "不明"),
        "gone": Text("no longer judged", "判定対象外"),
    }
)
NO_DIFFERENCE = Text("No difference.", "違いはありません。")
SEALED = Text("{}: sealed with {}", "{}: ダイジェスト {}")
MATCHES = Text("{}: its contents match the digest {}", "{}: 内容はダイジェスト {} と一致します")
READ_AS = Text("What was read: {}", "読み取った内容: {}")
SEAL = Text("Seal {} of", "全体のダイジェスト {}、その内訳:")
SEAL_PARTS: Mapping[str, Text] = MappingProxyType(
    {
        "snapshot": Text("what was read", "読み取った内容"),
        "pipelines": Text("what was declared", "宣言された内容"),
        "rules": Text("the rules", "ルール"),
        "report": Text("the findings", "検出結果"),
    }
)
"""What the digests of a seal stand for."""

SEAL_FITS = Text(
    "{0}: it matches. What was read, what was declared, the rules and the findings are those of {1}. Seal {2}",
    "{0}: 一致します。読み取った内容、宣言された内容、ルール、検出結果は {1} のものと同じです。全体のダイジェスト {2}",
)
SEAL_DIFFERS = Text("{0}: it does not match what was judged at {1}.", "{0}: {1} に判定されたものと一致しません。")
SEAL_SAME = Text("the same", "同じ")
SEAL_OTHER = Text("changed", "異なる")
SEAL_ADDED = Text("new: {}", "追加: {}")
SEAL_GONE = Text("gone: {}", "削除: {}")
SEAL_VERSIONS = Text("It was judged by auditor {}, and now by {}.", "判定したのは auditor {} で、今回は {} です。")
NOTHING_NEW = Text("{}: nothing is new.", "{}: 新しいものはありません。")
FOUND = Text("{}: {} found ({}).", "{}: {} 件見つかりました（{}）。")
READ_IT = Text("Read it, and then: auditor audit {}{}", "内容を確認し、次を実行してください: auditor audit {}{}")
STAGING = Text(
    "Starting the AWS stand-in and building a mis-set pipeline in two accounts…",
    "AWS のスタンドインを起動し、設定ミスのあるパイプラインを 2 アカウントに作成しています…",
)
MENDING = Text(
    "The fixes, safe and to be reviewed: planned, shown, applied, verified.",
    "修正（安全・要確認）を計画し、内容を表示したうえで適用・検証します。",
)
OWNERS = Text(
    "What is left only the owner can decide: after how many days the analytics side deletes. Set by hand.",
    "残りは所有者にしか決められないこと、つまり分析側で何日後に削除するかです。手で設定します。",
)
READING = Text("Reading", "読み取り中")
EXIT = Text("(exit {})", "（終了コード {}）")


def changes(count: int) -> Text:
    """Return how many changes there are, in words."""
    return Text(counted(count, "change"), f"変更 {count} 件")


def counted(count: int, word: str) -> str:
    """Return a number with its English word, which takes an `s` unless there is one."""
    return f"{count} {word}" + ("" if count == 1 else "s")
