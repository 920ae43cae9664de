"""Adds what discovery found to a pipeline file that a person keeps: lines are put in, and none is changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from auditor.errors import PipelineError, UsageError
from auditor.fleet.discovery_file import account_line, block, fitting_nodes, node_line, same
from auditor.fleet.discovery_found import Discovery, FoundNode, FoundPipeline, named
from auditor.model import EMPTY, Account, Json, Pipeline
from auditor.pipeline import parse


@dataclass(frozen=True, slots=True)
class Insertion:
    """Text that is put in at an offset of the old text."""

    at: int
    text: str
    pipeline: str = ""
    node: str = ""


def merged(text: str, file: str, found: Discovery, intent: Mapping[str, Json] = EMPTY) -> str:
    """Return the file's text with the accounts, pipelines and nodes that it does not have; the same text when there is none.

    Raises `PipelineError` for a file that is wrong already, and `UsageError` when nothing can be put in without a change
    of what stands there.
    """
    declared = parse(text, file, intent=intent)
    accounts, names = _renamed(declared, found.accounts)
    ids = {one.name: one.id for one in found.accounts}
    tree = _Tree(text)
    insertions: list[Insertion] = []
    fresh: list[FoundPipeline] = []
    used: set[str] = set()
    for one in found.pipelines:
        twin = next((each for each in declared if same(one, each, ids)), None)
        mine = _with_names(one, names)
        if twin is None:
            fresh.append(mine)
            used |= {node.words["account"] for node in mine.nodes.values()}
            continue
        missing = {name: node for name, node in mine.nodes.items() if name not in twin.nodes}
        said = tree.keys(("pipelines", twin.name))
        lines = _fitting(twin, {name: node for name, node in missing.items() if name not in said}, accounts)
        used |= {node.words["account"] for node in lines.values()}
        insertions += [
            replace(tree.entry(("pipelines", twin.name), name, node), pipeline=twin.name, node=name)
            for name, node in lines.items()
        ]
    insertions += _pipelines(tree, declared, fresh, accounts)
    known = {account.name for one in declared for account in one.accounts.values()}
    insertions = [
        *(tree.line("accounts", account_line(one)) for one in accounts if one.name in used - known),
        *insertions,
    ]
    return _checked(text, file, declared, insertions, intent)


def _pipelines(
    tree: _Tree, declared: Sequence[Pipeline], fresh: Sequence[FoundPipeline], accounts: Sequence[Account]
) -> list[Insertion]:
    taken = [FoundPipeline(one.name, {}) for one in declared]
    given = named([*taken, *fresh])[len(taken) :]
    return [tree.line("pipelines", said) for one in given if (said := block(one, accounts))]


def _fitting(twin: Pipeline, missing: Mapping[str, FoundNode], accounts: Sequence[Account]) -> dict[str, FoundNode]:
    """Return the nodes that may stand beside those of the file."""
    there = {
        name: FoundNode({"account": node.account.name, "name": node.id})
        for name, node in twin.nodes.items()
        if name in {"source_bucket", "destination_bucket"} and node.id
    }
    listed = [*accounts, *(one for one in twin.accounts.values() if one.name not in {each.name for each in accounts})]
    kept, _ = fitting_nodes(FoundPipeline(twin.name, {**missing, **there}), listed)
    return {name: node for name, node in missing.items() if name in kept}


def _renamed(declared: Sequence[Pipeline], asked: Sequence[Account]) -> tuple[tuple[Account, ...], Mapping[str, str]]:
    """Return the accounts under the names that the file has for them, or under ones that it does not have."""
    known = {account.name: account for one in declared for account in one.accounts.values()}
    names: dict[str, str] = {}
    result = []
    for one in asked:
        twins = [each for each in known.values() if each.id == one.id]
        twin = next((each for each in twins if each.region == one.region), None)
        name, number = one.name, 1
        while twin is None and name in {*known, *names.values()}:
            number += 1
            name = f"{one.name}-{number}"
        chosen = twin or replace(one, name=name)
        names[one.name] = chosen.name
        result.append(chosen)
    return tuple(result), names


def _with_names(found: FoundPipeline, names: Mapping[str, str]) -> FoundPipeline:
    nodes = {
        key: replace(node, words={**node.words, "account": names.get(node.words["account"], node.words["account"])})
        for key, node in found.nodes.items()
    }
    return replace(found, nodes=nodes)


def _checked(
    text: str, file: str, declared: Sequence[Pipeline], insertions: Sequence[Insertion], intent: Mapping[str, Json]
) -> str:
    made, last = "", 0
    # Stable: what goes to one place stays in order.
    for one in sorted(insertions, key=lambda one: one.at):
        made += text[last : one.at] + (one.text.replace("\n", "\r\n") if "\r\n" in text else one.text)
        last = one.at
    made += text[last:]
    if made == text:
        return text
    hint = "Write to another file with -o, and copy from there."
    try:
        after = {one.name: one for one in parse(made, file, intent=intent)}
    except PipelineError as error:
        sentence = f"{file}: what was found does not fit in beside what stands there ({error.mistakes[0].sentence})"
        raise UsageError(sentence, hint) from None
    for pipeline in declared:
        new = {one.node for one in insertions if one.pipeline == pipeline.name}
        same_ids = all(after[pipeline.name].nodes[name].id == node.id for name, node in pipeline.nodes.items())
        if not same_ids or set(after[pipeline.name].nodes) != {*pipeline.nodes, *new}:
            raise UsageError(f"{file}: it is written in a way in which nothing can be put in safely.", hint)
    return made


class _Tree:
    """The places of a YAML text: where each mapping ends, and how far its keys are indented."""

    def __init__(self, text: str) -> None:
        import yaml

        self._text = text
        self._root: Any = yaml.compose(text, Loader=yaml.SafeLoader)

    def keys(self, path: Sequence[str]) -> set[str]:
        """Return the keys of a mapping."""
        return {str(key.value) for key, _ in self._node(path).value}

    def line(self, key: str, lines: str) -> Insertion:
        """Return the insertion of lines (indented by two) at the end of a mapping of the first level."""
        node = self._node((key,))
        if node.flow_style or not node.value:
            return self._flow(node, lines.partition("\n")[0] if lines.count("\n") == 1 else lines)
        indent = " " * node.value[0][0].start_mark.column
        return Insertion(*self._after(node, "".join(indent + one[2:] for one in lines.splitlines(keepends=True))))

    def entry(self, path: Sequence[str], name: str, found: FoundNode) -> Insertion:
        """Return the insertion of a node into a pipeline."""
        node = self._node(path)
        if node.flow_style:
            return self._flow(node, node_line(name, replace(found, why=""), "").strip())
        indent = " " * node.value[0][0].start_mark.column
        return Insertion(*self._after(node, node_line(name, found, indent)))

    def _flow(self, node: Any, said: str) -> Insertion:
        if "\n" in said.strip():
            raise UsageError(
                f"The mapping at line {node.start_mark.line + 1} is written in braces: no pipeline can be put in there.",
                "Write it in lines, or write to another file with -o.",
            )
        end = self._index(node.end_mark) - 1
        before = self._text[:end].rstrip()
        comma = "" if before.endswith((",", "{")) else ", "
        return Insertion(end, f"{comma}{said.strip()}")

    def _node(self, path: Sequence[str]) -> Any:
        node = self._root
        for part in path:
            node = next(value for key, value in node.value if key.value == part)
        return node

    def _after(self, node: Any, lines: str) -> tuple[int, str]:
        """Return the offset of the line behind the last value of a mapping, and what to put in there."""
        import yaml

        last, mark = node, node.end_mark
        while isinstance(last, yaml.CollectionNode) and not last.flow_style and last.value:
            key, value = last.value[-1] if isinstance(last.value[-1], tuple) else (last.value[-1], last.value[-1])
            # An alias stands here, but its value elsewhere: behind the key is as good as behind the value.
            last = value if value.start_mark.index >= key.start_mark.index else key
            mark = last.end_mark
        index = self._index(mark)
        if mark.column == 0 and index and self._text[index - 1] in "\r\n":
            return index, lines
        found = self._text.find("\n", index)
        return (len(self._text), f"\n{lines}") if found < 0 else (found + 1, lines)

    def _index(self, mark: Any) -> int:
        return int(mark.index)
