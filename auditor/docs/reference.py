"""The reference of the rule language, made from its tables: predicates, edits, nodes with their kinds and facets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from auditor.docs.words import cell, code, fenced, inline, prose
from auditor.edits import EDITS
from auditor.errors import UsageError
from auditor.files import closest, did_you_mean
from auditor.kinds import KINDS
from auditor.model import NODES, Json, Text
from auditor.predicates import PREDICATES

_HEADINGS = {
    "predicates": Text("Predicates", "述語"),
    "predicates_about": Text(
        "What may stand beside `at:` in a check, each with its parameter.",
        "検査の `at:` に添える述語と、そのパラメーターです。",
    ),
    "edits": Text("Edits", "編集"),
    "edits_about": Text(
        "What may stand beside `facet:` in a fix, each with its parameter.",
        "修正の `facet:` に添える編集と、そのパラメーターです。",
    ),
    "nodes": Text("Nodes and facets", "ノードとファセット"),
    "nodes_about": Text(
        "`auditor rules routes KIND FACET` shows what is inside a facet, with AWS's own types and values.",
        "ファセットの中身 (AWS の型と値) は `auditor rules routes KIND FACET` で確認できます。",
    ),
    "parameter": Text("Parameter", "パラメーター"),
}


def reference(lang: str = "en", level: int = 2) -> str:
    """Return the reference in `lang` as Markdown whose headings begin at `level`."""
    return "\n".join(
        [
            *_vocabulary("predicates", PREDICATES, lang, level),
            *_vocabulary("edits", EDITS, lang, level),
            *_nodes(lang, level),
        ]
    )


def entry(word: str, lang: str = "en") -> str:
    """Return what the reference says of one predicate, edit or facet; raises `UsageError` for any other word."""
    rows = [table[word] for table in (PREDICATES, EDITS) if word in table]
    lines = [line for row in rows for line in _explained(row, lang, 2)]
    for kind in KINDS.values():
        if word in kind.facets:
            facet = kind.facets[word]
            actions = ", ".join(code(action) for action in facet.permissions)
            lines += [f"## {kind.name}: {facet.name}", "", prose(facet.doc.say(lang)), "", actions, ""]
    if not lines:
        known = [*PREDICATES, *EDITS, *(facet for kind in KINDS.values() for facet in kind.facets)]
        hint = did_you_mean(word, known) if closest(word, known) else " `auditor rules reference` lists all of them."
        raise UsageError(f"There is no predicate, edit or facet `{word}`.", hint.strip())
    return "\n".join(lines)


def _explained(row: Json, lang: str, level: int) -> list[str]:
    parameter = f"{_say('parameter', lang)}: {form(row.schema, lang)}"
    return [f"{'#' * level} {row.name}", "", prose(row.doc.say(lang)), "", parameter, "", fenced(row.example), ""]


def _say(word: str, lang: str) -> str:
    return _HEADINGS[word].say(lang)


def _vocabulary(word: str, rows: Mapping[str, Json], lang: str, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {_say(word, lang)}", "", _say(f"{word}_about", lang), "")
    for _, row in sorted(rows.items()):
        yield from _explained(row, lang, level + 1)


def _nodes(lang: str, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {_say('nodes', lang)}", "", _say("nodes_about", lang), "")
    for node, kinds in NODES.items():
        yield from (f"{'#' * (level + 1)} {node}", "")
        for name in kinds:
            yield from (f"{code(name)}: {prose(KINDS[name].doc.say(lang))}", "")
            yield from ("| facet | | |", "|---|---|---|")
            for facet in KINDS[name].facets.values():
                actions = ", ".join(code(action) for action in facet.permissions)
                yield f"| {code(facet.name)} | {cell(facet.doc.say(lang))} | {actions} |"
            yield ""


_FORMS = {
    "anything": Text("anything", "任意の値"),
    "or": Text(" or ", " または "),
    "either": Text(", or ", "、または "),
    "mapping": Text("a mapping", "マッピング"),
    "with": Text("a mapping with {}", "次のキーを持つマッピング: {}"),
    "optional": Text(" (optional)", " (省略可)"),
    "array": Text("a list", "リスト"),
    "of": Text("a list of {}", "{}のリスト"),
    "these": Text(", or a list of these", "、またはそのリスト"),
    "string": Text("text", "文字列"),
    "number": Text("a number", "数値"),
    "integer": Text("a whole number", "整数"),
    "boolean": Text("`true` or `false`", "`true` または `false`"),
    "null": Text("`null`", "`null`"),
    "object": Text("a mapping", "マッピング"),
}


def form(schema: Json, lang: str = "en") -> str:
    """Return a parameter's JSON Schema in a line that people can read; what has no such line is shown as it is."""
    if schema is True or schema == {}:
        return _FORMS["anything"].say(lang)
    if "const" in schema:
        return code(inline(schema["const"]))
    if "enum" in schema:
        return _FORMS["or"].say(lang).join(code(inline(one)) for one in schema["enum"])
    for word in ("anyOf", "oneOf"):
        if word in schema:
            one, *others = schema[word]
            if [{"type": "array", "items": one}] == [{"type": o.get("type"), "items": o.get("items")} for o in others]:
                return form(one, lang) + _FORMS["these"].say(lang)
            return _FORMS["either"].say(lang).join(form(branch, lang) for branch in schema[word])
    types = schema.get("type")
    if schema.get("properties"):
        return _mapping(schema, lang)
    if isinstance(types, list):
        return _FORMS["or"].say(lang).join(_named(one, schema, lang) for one in types)
    return _named(types, schema, lang) if types else code(inline(schema))


def _mapping(schema: Json, lang: str) -> str:
    required, optional = schema.get("required", ()), _FORMS["optional"].say(lang)
    parts = [
        f"`{name}`{'' if name in required else optional}: {form(part, lang)}"
        for name, part in schema["properties"].items()
    ]
    return _FORMS["with"].say(lang).format("; ".join(parts))


def _named(kind: str, schema: Json, lang: str) -> str:
    if kind == "array" and schema.get("items"):
        return _FORMS["of"].say(lang).format(form(schema["items"], lang))
    return _FORMS[kind].say(lang) if kind in _FORMS else kind
