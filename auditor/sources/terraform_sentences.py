"""What is said of nodes that a plan does not settle."""

from __future__ import annotations

from auditor.model import Text

MAY_ADD = Text("{} may add to it, or to another one. {}", "{} がここか別のリソースに設定を追加する可能性があります。{}")
SEVERAL_NAMED = Text(
    "Several resources are named {}: {}. Say which with `terraform:`.",
    "{} という名前のリソースが複数あります（{}）。`terraform:` で指定してください。",
)
ANOTHER_TYPE = Text("{} is no {}, which this node is.", "{} は、このノードに必要な {} ではありません。")
SEVERAL = Text(
    "{} is several resources ({}): declare one of them.",
    "{} は複数のリソースです（{}）。いずれかを宣言してください。",
)
ELSEWHERE = Text("{} lies in {}, which is not that of this node.", "{} は {} にあり、このノードの場所と異なります。")
ANOTHER_NAME = Text("{} is named {}, and the pipeline names {}.", "{} の名前は {} で、パイプラインの宣言は {} です。")
NO_FUNCTION = Text("{} names no function.", "{} に関数の指定がありません。")
FUNCTION_NOT_HERE = Text("The function {} of {} is not in the plan.", "{1} の関数 {0} はプランにありません。")
ANOTHER_FUNCTION = Text("{} is of {}, and the pipeline names {}.", "{} は {} のもので、パイプラインの宣言は {} です。")
