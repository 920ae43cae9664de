"""The first text of a rule of one's own: commented, with its tests, and passing them."""

from __future__ import annotations

from auditor.errors import UsageError
from auditor.files import did_you_mean, load_yaml, read_text, shipped
from auditor.model import NODES

_MANUAL = """  safety: manual
  steps:
    en: Say here what a person does, with the command.
    ja: 担当者が何をするのかを、コマンドとともに書きます。"""
_SAFE = """  safety: safe
  edits:
    - facet: @facet@
      merge: @edit@"""


def first_text(name: str, node: str, lang: str = "en") -> str:
    """Return the text of a new rule file that judges `node`, its comments in `lang`.

    Raises `UsageError` for a node that does not exist.
    """
    folder = shipped("rules") / "templates"
    starts = load_yaml(folder / "starts.yaml").value
    if node not in starts:
        raise UsageError(f"There is no node `{node}` to begin with.", did_you_mean(node, starts).strip())
    start = {**starts[node], "id": name, "node": node, "kind": NODES[node][0]}
    start["facet"] = start["at"].partition(".")[0]
    text = read_text(folder / ("rule.ja.yaml" if lang == "ja" else "rule.yaml")).replace(
        "@fix@", _SAFE if "edit" in start else _MANUAL
    )
    for word, value in start.items():
        text = text.replace(f"@{word}@", value)
    return text
