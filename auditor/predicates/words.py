"""What several predicates want or find, in words: evidence speaks the two languages of the product."""

from __future__ import annotations

from auditor.model import Text

AT_LEAST, AT_MOST = Text("at least {}", "{} 以上"), Text("at most {}", "{} 以下")
NO_LATER = Text("at most {}", "{} 以前")
PRESENT, ABSENT = Text("present", "設定あり"), Text("absent", "設定なし")
MATCHES = Text("matches {}", "{} に一致")
NONE = Text("none", "なし")

ACTION_ON = Text("{} on {}", "{}（対象: {}）")
DENIED, NOT_ALLOWED = Text("explicitly denied", "明示的な Deny により拒否"), Text("not allowed", "許可なし")
NOT_PUBLIC = Text("a policy that is not public", "公開とみなされないポリシー")

A_PREFIX_OF = Text("a prefix of {}", "{} に前方一致するプレフィックス")
ALL_OF = Text("all of {}", "{} のすべてのオブジェクト")
ANOTHER_BUCKET = Text("another bucket", "別のバケット")
RULE_TO = Text("an Enabled rule to {}", "{} への有効なルール（Enabled）")
RULE_TO_FOR = Text("an Enabled rule to {} for {}", "{1} を {0} へレプリケートする有効なルール（Enabled）")
WINNER = Text("which rule wins the exports", "エクスポートに適用されるルール")
NOBODY = Text("nobody is told", "通知先なし")
DID_YOU_MEAN = Text("Did you mean {}?", "{} の間違いではありませんか。")
