"""Writes what discovery found as a commented pipeline file, or into one that a person keeps, without touching their words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from auditor.errors import PipelineError, Text, UsageError
from auditor.fleet.discovery_found import Discovery, FoundNode, FoundPipeline
from auditor.model import NODES, Account, Pipeline
from auditor.pipeline import parse

_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_HEAD = Text(
    """\
# A proposal of `auditor init`: read it, correct it, keep it. Comments say what each line was inferred from.
# Leave out of `intent` what you have no opinion about; what is commented out there is for you to decide.
""",
    """\
# `auditor init` による提案です。内容を確認・修正して使ってください。各行の根拠はコメントにあります。
# `intent` には方針のあるものだけを残してください。コメントアウトしてある項目は自分で決めるものです。
""",
)
_WHY = Text("inferred from", "根拠")


def written(found: Discovery, lang: str = "en") -> str:
    """Return a pipeline file that `auditor.pipeline.load` accepts; what it would not accept stands in comments.

    Its comments are in `lang`, those apart that tell what AWS answered.

    Raises `UsageError` when there is nothing to declare.
    """
    blocks = [text for one in found.pipelines if (text := block(one, found.accounts, lang=lang))]
    if not blocks:
        raise UsageError(*_nothing(found))
    remarks = "".join(_comment(one) for one in (*found.gaps, *found.notes))
    used = {node.words["account"] for one in found.pipelines for node in one.nodes.values()}
    accounts = "".join(account_line(one) for one in found.accounts if one.name in used)
    return f"{_HEAD.say(lang)}{remarks}version: 1\naccounts:\n{accounts}pipelines:\n{''.join(blocks)}"


def _nothing(found: Discovery) -> tuple[str, str]:
    names = ", ".join(f"{one.name} ({one.id})" for one in found.accounts)
    sentence = f"No pipeline was found in {names}: no bucket replicates, and no table was exported."
    told = [one[0].upper() + one[1:] + "." for one in (*found.gaps, *found.notes)]
    return sentence, " ".join(told) or "Name other accounts with --account, or other Regions with --region."


def account_line(account: Account) -> str:
    """Return the line that declares an account."""
    pairs = {"id": json.dumps(account.id), "region": quoted(account.region)}
    pairs |= {"profile": quoted(account.profile)} if account.profile else {}
    pairs |= {"assume_role": quoted(account.assume_role)} if account.assume_role else {}
    pairs |= {"external_id": quoted(account.external_id)} if account.external_id else {}
    return f"  {quoted(account.name)}: {{{', '.join(f'{key}: {value}' for key, value in pairs.items())}}}\n"


def block(found: FoundPipeline, accounts: Sequence[Account], indent: int = 2, lang: str = "en") -> str:
    """Return the lines of a pipeline, or an empty text when none of its nodes may be declared."""
    fitting, left_out = fitting_nodes(found, accounts)
    if not fitting:
        return ""
    head, inner = " " * indent, " " * (indent * 2)
    lines = [f"{head}{quoted(found.name)}:\n"]
    lines += [_comment(one, inner) for one in (*found.notes, *left_out)]
    lines += [node_line(name, node, inner, lang) for name, node in fitting.items()]
    sure = [one for one in found.intent if one.sure]
    open_ = [one for one in found.intent if not one.sure]
    if sure:
        lines.append(f"{inner}intent:\n")
        lines += [f"{inner}{head}{one.word}: {one.value}  # {comment(one.why)}\n" for one in sure]
        lines += [f"{inner}{head}# {one.word}: {one.value}  # {comment(one.why)}\n" for one in open_]
    elif open_:
        lines.append(f"{inner}# intent:\n")
        lines += [f"{inner}#   {one.word}: {one.value}  # {comment(one.why)}\n" for one in open_]
    return "".join(lines)


def node_line(name: str, node: FoundNode, indent: str, lang: str = "en") -> str:
    """Return the line that declares a node, with what it was inferred from."""
    pairs = ", ".join(f"{key}: {quoted(value)}" for key, value in node.words.items())
    why = f"  # {_WHY.say(lang)}: {comment(node.why)}" if node.why else ""
    return f"{indent}{name}: {{{pairs}}}{why}\n"


def quoted(text: str) -> str:
    """Return a text as YAML: plain where nothing in it means anything to YAML, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.lower() not in _WORDS:
        return text
    return "".join(one if one.isprintable() else _escaped(one) for one in json.dumps(text, ensure_ascii=False))


def comment(text: str) -> str:
    """Return a text that fits behind `#`: one line, nothing that cannot be shown."""
    return "".join(one if one.isprintable() else _escaped(one) for one in text)


def _escaped(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def _comment(text: str, indent: str = "") -> str:
    return f"{indent}# {comment(text)}\n"


def fitting_nodes(found: FoundPipeline, accounts: Sequence[Account]) -> tuple[dict[str, FoundNode], list[str]]:
    """Return the nodes that a pipeline file may say, and a sentence for each of the others."""
    fitting: dict[str, FoundNode] = {}
    left_out = []
    for name in (one for one in NODES if one in found.nodes):
        attempt = {**fitting, name: found.nodes[name]}
        try:
            parse(_minimal(attempt, accounts), "proposal")
        except PipelineError as error:
            words = ", ".join(f"{key} {value}" for key, value in found.nodes[name].words.items())
            left_out.append(f"left out: {name} ({words}): {error.mistakes[0].sentence}")
        else:
            fitting = attempt
    return fitting, left_out


def _minimal(nodes: Mapping[str, FoundNode], accounts: Iterable[Account]) -> str:
    lines = "".join(node_line(name, replace(node, why=""), "    ") for name, node in nodes.items())
    return f"version: 1\naccounts:\n{''.join(map(account_line, accounts))}pipelines:\n  proposal:\n{lines}"


def same(found: FoundPipeline, declared: Pipeline, accounts: Mapping[str, str]) -> bool:
    """Tell whether a file declares this pipeline already: same source bucket and table, as far as both say them.

    `accounts` maps the names of the accounts that were asked to their ids.
    """
    agreed = False
    for name in ("source_bucket", "table"):
        node, mine = declared.nodes.get(name), found.nodes.get(name)
        if node is None or mine is None:
            continue
        address = {key: value for key, value in node.addresses.items() if mine.words.get(key) == value}
        by_name = node.id == mine.words.get("name") and node.account.id == accounts.get(mine.words["account"])
        if not by_name and not address:
            return False
        agreed = True
    return agreed
