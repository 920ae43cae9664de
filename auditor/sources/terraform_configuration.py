"""The configuration that a plan was made of, as files: where each attribute stands, and what its expression is worth."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.errors import InputError, Mistake, Place, SourceError
from auditor.files import load_json, read_text
from auditor.sources.terraform_language import Block, Body, NotUnderstoodError, Source, parse
from auditor.sources.terraform_plan import Instance, Plan, without_keys
from auditor.sources.terraform_references import Key, Step
from auditor.sources.terraform_syntax import parse as parse_expression
from auditor.sources.terraform_trees import Literal, Tree, heads

_FILES, _DEPTH = 5_000, 20
_KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\]')


@dataclass(slots=True)
class Folder:
    """The blocks of one module: resources by address, locals, variables, calls and outputs by name, each with its file."""

    resources: dict[str, tuple[str, Block]] = field(default_factory=dict)
    locals: dict[str, Source] = field(default_factory=dict)
    variables: dict[str, Block] = field(default_factory=dict)
    calls: dict[str, Block] = field(default_factory=dict)
    outputs: dict[str, Block] = field(default_factory=dict)


@dataclass(slots=True)
class Configuration:
    """The folders of a configuration by module address without keys."""

    folders: dict[str, Folder]
    _trees: dict[int, Tree | None] = field(default_factory=dict)
    _instances: dict[str, dict[str, list[str]]] = field(default_factory=dict)

    def tree(self, source: Source) -> Tree | None:
        """Return the tree of an expression, `None` when it cannot be followed."""
        if id(source) not in self._trees:
            try:
                self._trees[id(source)] = parse_expression(source.text)
            except (NotUnderstoodError, RecursionError):
                self._trees[id(source)] = None
        return self._trees[id(source)]

    def instances(self, plan: Plan) -> Mapping[str, list[str]]:
        """Return the module instances of a plan by the address of their call."""
        if plan.file not in self._instances:
            made = self._instances[plan.file] = defaultdict(list)
            for module in dict.fromkeys(one.module for one in plan.instances):
                for key in _KEY.finditer(module):
                    call, whole = module[: key.start()], module[: key.end()]
                    if whole not in made[call]:
                        made[call].append(whole)
        return self._instances[plan.file]

    def block(self, instance: Instance) -> tuple[str, Block] | None:
        """Return the file and block that an instance comes from."""
        folder = self.folders.get(without_keys(instance.module))
        head = f"{without_keys(instance.module)}." if instance.module else ""
        return folder.resources.get(instance.block.removeprefix(head)) if folder else None

    def heads(self, instance: Instance, name: str) -> frozenset[str] | None:
        """Return what an attribute or block refers to, `None` where that is not written down (a `dynamic` block makes it)."""
        found = self.block(instance)
        return self._heads(found[1].body, name) if found is not None else None

    def _heads(self, body: Body, name: str) -> frozenset[str] | None:
        made: set[str] = set()
        for source in [body.attributes[name]] if name in body.attributes else []:
            tree = self.tree(source)
            if tree is None:
                return None
            made |= set(heads(tree))
        for block in body.blocks:
            if block.type == "dynamic" and block.labels == (name,):
                return None
            if block.type == name:
                for inner in (*block.body.attributes, *(one.type for one in block.body.blocks)):
                    if inner == "dynamic" or (below := self._heads(block.body, inner)) is None:
                        return None
                    made |= below
        return frozenset(made)

    def place(self, instance: Instance, path: tuple[Step, ...]) -> Place | None:
        """Return where an attribute stands, the block around it when it is not written, `None` when nothing is known."""
        found = self.block(instance)
        if found is None:
            return None
        file, block = found
        line, body = block.line, block.body
        for index, step in enumerate(path):
            if not isinstance(step, str):
                continue
            if step in body.attributes:
                return Place(file, body.attributes[step].line)
            key = path[index + 1] if index + 1 < len(path) else None
            inner = _inner(body, step, key.value if isinstance(key, Key) else 0)
            if inner is None:
                break
            line, body = inner.line, inner.body
        return Place(file, line)


def _inner(body: Body, name: str, index: str | int) -> Block | None:
    """Return one of the blocks of a name; those that a `dynamic` block makes stand where that does."""
    written = list(body.of(name))
    made = [one for block in body.of("dynamic") if block.labels == (name,) for one in block.body.of("content")]
    if isinstance(index, int) and index < len(written):
        return written[index]
    return made[0] if made else written[-1] if written else None


def load(folder: Path) -> Configuration:
    """Return the configuration in a folder with its modules, found as `terraform init` wrote them down, or by their paths.

    A file that cannot be followed is left out. Raises `SourceError` when the folder is none, or holds no configuration.
    """
    listed = _listed(folder)
    made = Configuration({})
    known: dict[Path, Folder] = {}
    waiting = [("", folder)]
    while waiting and len(made.folders) < _FILES:
        path, where = waiting.pop()
        resolved = where.resolve()
        if resolved not in known:
            known[resolved] = _folder(where)
        made.folders[path] = known[resolved]
        for name, call in known[resolved].calls.items():
            inner = f"{path}.module.{name}" if path else f"module.{name}"
            target = listed.get(inner.replace("module.", "")) or _local(made, where, call)
            # A module that calls itself would never end.
            if target is not None and target.is_dir() and inner.count("module.") < _DEPTH:
                waiting.append((inner, target))
    if not made.folders[""].resources and not made.folders[""].calls:
        hint = "Name the folder that `terraform plan` was run in."
        raise SourceError([Mistake(Place(str(folder)), "No Terraform configuration is in this folder.", hint)])
    return made


def _local(made: Configuration, where: Path, call: Block) -> Path | None:
    source = call.body.attributes.get("source")
    tree = made.tree(source) if source is not None else None
    said = tree.value if isinstance(tree, Literal) else None
    return where / said if isinstance(said, str) and said.startswith((".", "/")) else None


def _listed(folder: Path) -> dict[str, Path]:
    """Return the folders of modules by their keys (`a.b`), as `terraform init` wrote them down."""
    manifest = folder / ".terraform" / "modules" / "modules.json"
    try:
        value = load_json(manifest, places=False).value
    except InputError:
        return {}
    rows = value.get("Modules") if isinstance(value, Mapping) else None
    made = {}
    for one in rows if isinstance(rows, list) else []:
        key, where = (one.get("Key"), one.get("Dir")) if isinstance(one, Mapping) else (None, None)
        if isinstance(key, str) and isinstance(where, str):
            made[key] = folder / where
    return made


def _folder(where: Path) -> Folder:
    made = Folder()
    try:
        names = sorted(one for one in where.iterdir() if one.name.endswith(".tf") and not one.name.startswith("."))
    except OSError:
        raise SourceError([Mistake(Place(str(where)), "There is no such folder, or it may not be read.")]) from None
    for path in names[:_FILES]:
        try:
            body = parse(read_text(path))
        except (InputError, NotUnderstoodError, RecursionError):
            continue
        _sort(made, body, str(path))
    return made


def _sort(made: Folder, body: Body, file: str) -> None:
    for block in body.blocks:
        if block.type in {"resource", "data"} and len(block.labels) == 2:
            head = "data." if block.type == "data" else ""
            made.resources[f"{head}{'.'.join(block.labels)}"] = (file, block)
        elif block.type == "locals":
            made.locals |= block.body.attributes
        elif len(block.labels) == 1:
            table = {"variable": made.variables, "module": made.calls, "output": made.outputs}.get(block.type)
            if table is not None:
                table[block.labels[0]] = block
