"""The fixed words of the pages in both languages, and small pieces of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from auditor.model import Json, Text
from auditor.render.display import plain

WORDS: Mapping[str, Text] = MappingProxyType(
    {
        "subject": Text("Node", "対象ノード"),
        "severity": Text("Severity", "重大度"),
        "tags": Text("Tags", "タグ"),
        "pack": Text("Pack", "パック"),
        "checks": Text("What it checks", "検査内容"),
        "when": Text("It applies only where:", "次のときだけ適用されます:"),
        "holds": Text("All of this must hold:", "次のすべてが成り立つ必要があります:"),
        "why": Text("Why", "理由"),
        "good": Text("Good", "良い例"),
        "bad": Text("Bad", "悪い例"),
        "fix": Text("Fix", "修正"),
        "cost": Text("Cost", "費用"),
        "steps": Text("What to do", "対応手順"),
        "permissions": Text("Permissions", "必要な権限"),
        "reading": Text("To judge", "判定に必要"),
        "writing": Text("To fix", "修正に必要"),
        "considered": Text("Considered where they are granted", "付与されていれば判定に使用"),
        "no_permissions": Text("None: it looks at what is declared.", "不要です。宣言された内容だけを見ます。"),
        "parameters": Text("Parameters", "パラメーター"),
        "references": Text("References", "参考資料"),
        "manual": Text(
            "Described, never done: it needs a decision, or could lose data.",
            "手順だけを示し、自動では実行しません。判断が必要か、データを失うおそれがあるためです。",
        ),
        "review": Text(
            "After review (`--fix=review`): it grants, rewires or tightens.",
            "確認のうえで適用します (`--fix=review`)。権限の付与、つなぎ替え、制限の強化を伴います。",
        ),
        "safe": Text(
            "Safe (`--fix`): it protects and loses nothing.", "安全です (`--fix`)。保護を加えるだけで、何も失いません。"
        ),
        "no_fix": Text("This rule brings no fix.", "このルールに修正はありません。"),
        "some": Text("an item of {route} meets all of:", "{route} のどれか 1 つの項目が次をすべて満たす:"),
        "every": Text("every item of {route} meets all of:", "{route} のすべての項目が次をすべて満たす:"),
        "any": Text("one of these holds:", "次のいずれかが成り立つ:"),
        "all": Text("all of these hold:", "次のすべてが成り立つ:"),
        "not": Text("these do not hold together:", "次が同時には成り立たない:"),
        "absent": Text("(absent counts as {value})", "(ない場合は {value} とみなす)"),
        "default": Text("default {value}", "既定値 {value}"),
        "itself": Text("the resource", "リソース全体"),
        "item": Text("the item", "項目そのもの"),
    }
)


def say(word: str, lang: str, **parts: str) -> str:
    """Return one of the fixed words in `lang`, with its parts filled in."""
    text = WORDS[word].say(lang)
    for name, part in parts.items():
        text = text.replace(f"{{{name}}}", part)
    return text


def code(text: str) -> str:
    """Return a text as Markdown code, whatever backticks are in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def prose(text: str) -> str:
    """Return a rule's sentence as Markdown in which nothing is a tag; its code spans stay as they are."""
    parts = re.split(r"(`+[^`]*`+)", " ".join(text.split()) if "\n" not in text.strip() else text.strip())
    return "".join(part if index % 2 else re.sub(r"<(?=[A-Za-z/!?])", r"\\<", part) for index, part in enumerate(parts))


def heading(text: str) -> str:
    """Return a title, or a name, as Markdown of one line."""
    return prose(" ".join(text.split()))


def shown(text: str) -> str:
    """Return a whole page in which nothing steers a terminal or a CI system: a pack may come from anywhere."""
    return "\n".join(map(plain, text.split("\n")))


def cell(text: str) -> str:
    """Return a text for a cell of a Markdown table."""
    return heading(text).replace("|", r"\|")


def inline(value: Json) -> str:
    """Return a value as one line of YAML."""
    import yaml

    text: str = yaml.dump(value, Dumper=_dumper(), default_flow_style=True, allow_unicode=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")


def block(value: Json) -> str:
    """Return a value as a fenced block of YAML, small collections on one line."""
    import yaml

    text: str = yaml.dump(
        value, Dumper=_dumper(), default_flow_style=None, sort_keys=False, allow_unicode=True, width=110
    )
    return fenced(text)


def fenced(text: str, language: str = "yaml") -> str:
    """Return a text as a fenced block."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _dumper() -> Json:
    import yaml

    class Plain(yaml.SafeDumper):
        """YAML without anchors: every value is written out where it stands."""

        def ignore_aliases(self, _data: Json) -> bool:
            return True

    return Plain


def bullets(items: Iterable[str], depth: int = 0) -> list[str]:
    """Return lines of a Markdown list."""
    return [f"{'  ' * depth}- {item}" for item in items]
