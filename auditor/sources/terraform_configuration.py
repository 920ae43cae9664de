"""The configuration that a plan was made of, as files: where each attribute stands, and what its expression is worth."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from auditor.errors import InputError, Mistake, Place, SourceError
from auditor.files import load_json, read_text
from auditor.model import Json, Text, Unread
from auditor.sources.terraform_evaluation import Later, Scope, evaluate, items_of, text_or_none, unread
from auditor.sources.terraform_language import Block, Body, NotUnderstoodError, Source, parse
from auditor.sources.terraform_plan import Instance, Plan, without_keys
from auditor.sources.terraform_references import ByBlock, Key, Step, split_module
from auditor.sources.terraform_syntax import Literal, Tree, heads
from auditor.sources.terraform_syntax import parse as parse_expression

_FILES, _DEPTH = 5_000, 20
_KEY = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\]')
_META = frozenset({"for_each", "count", "provider", "depends_on", "providers", "source", "version"})


class Attributes(Protocol):
    """What reads the attributes of instances (`terraform_values.View`)."""

    def attribute(self, instance: Instance, name: str) -> Json:
        """Return an attribute of an instance."""


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


@dataclass(slots=True)
class Evaluator:
    """What the expressions of one plan's configuration are worth, as a view knows its resources."""

    configuration: Configuration
    plan: Plan
    by_block: ByBlock
    attributes: Attributes
    _known: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    _under_way: set[tuple[str, str, str]] = field(default_factory=set)

    def arguments(self, instance: Instance) -> Mapping[str, Json] | None:
        """Return what the configuration gives to an instance, `None` when its block is not found."""
        found = self.configuration.block(instance)
        if found is None:
            return None
        block = found[1]
        each = partial(self._each, instance.module, block, instance.key)
        return self._body(block.body, Scope(partial(self._look, instance.module, each)))

    def _body(self, body: Body, scope: Scope) -> dict[str, Json]:
        made = {name: self._source(one, scope) for name, one in body.attributes.items() if name not in _META}
        for block in body.blocks:
            if block.type == "dynamic" and len(block.labels) == 1:
                name, added = block.labels[0], self._dynamic(block, scope)
            else:
                name, added = block.type, [self._body(block.body, scope)]
            known = made.get(name, [])
            made[name] = (
                added if isinstance(added, Unread) else known if isinstance(known, Unread) else [*known, *added]
            )
        return made

    def _dynamic(self, block: Block, scope: Scope) -> list[Json] | Unread:
        over, content = block.body.attributes.get("for_each"), next(block.body.of("content"), None)
        if over is None or content is None:
            return unread("A dynamic block")
        named = block.body.attributes.get("iterator")
        pairs = items_of(self._source(over, scope))
        if isinstance(pairs, Unread):
            return pairs
        name = named.text if named is not None else block.labels[0]
        return [self._body(content.body, scope.inside({name: {"key": key, "value": one}})) for key, one in pairs]

    def _source(self, source: Source, scope: Scope) -> Json:
        tree = self.configuration.tree(source)
        if tree is None:
            return unread(f"`{source.text[:40]}`")
        try:
            return evaluate(tree, scope)
        except RecursionError:
            return unread(f"`{source.text[:40]}`")

    def _each(self, module: str, block: Block, key: str | int | None, name: str) -> Json:
        """Return `each` or `count` of an instance of a block."""
        if name == "count":
            return {"index": key}
        made: dict[str, Json] = {"key": key}
        over = block.body.attributes.get("for_each")
        if over is not None:
            pairs = items_of(self._source(over, Scope(partial(self._look, module, None))))
            listed = pairs if not isinstance(pairs, Unread) else []
            # A set is gone through by its values.
            found = [one for index, one in listed if (text_or_none(one) if isinstance(index, int) else index) == key]
            made["value"] = found[0] if found else pairs if isinstance(pairs, Unread) else unread("each.value")
        return made

    def _look(self, module: str, each: partial[Json] | None, name: str) -> Json:
        if name in {"each", "count"}:
            return unread(name) if each is None else each(name)
        if name == "var":
            return Later(lambda key: self._once("var", module, str(key)))
        if name == "local":
            return Later(lambda key: self._once("local", module, str(key)))
        if name == "module":
            return Later(lambda key: self._module(module, str(key)))
        if name == "data":
            return Later(lambda kind: Later(lambda key: self._resource(module, f"data.{kind}.{key}")))
        if name in {"path", "terraform", "self"}:
            return unread(name)
        return Later(lambda key: self._resource(module, f"{name}.{key}"))

    def _once(self, sort: str, module: str, name: str) -> Json:
        key = (sort, module, name)
        if key not in self._known:
            if key in self._under_way:
                return unread(f"{sort}.{name}")
            self._under_way.add(key)
            try:
                read = {"var": self._variable, "local": self._local, "output": self._output}[sort]
                self._known[key] = read(module, name)
            finally:
                self._under_way.discard(key)
        return self._known[key]

    def _local(self, module: str, name: str) -> Json:
        folder = self.configuration.folders.get(without_keys(module))
        source = folder.locals.get(name) if folder else None
        if source is None:
            return unread(f"local.{name}")
        return self._source(source, Scope(partial(self._look, module, None)))

    def _variable(self, module: str, name: str) -> Json:
        folder = self.configuration.folders.get(without_keys(module))
        declared = folder.variables.get(name) if folder else None
        if declared is not None and declared.body.attributes.get("sensitive", Source("", 0)).text == "true":
            return Unread(
                "Sensitive",
                detail=Text(
                    f"var.{name} is marked as sensitive, so it is not looked at.",
                    f"var.{name} は sensitive 指定のため参照しません。",
                ),
            )
        if not module and name in self.plan.variables:
            return self.plan.variables[name]
        if module:
            parent, called, key = split_module(module)
            outer = self.configuration.folders.get(without_keys(parent))
            call = outer.calls.get(called) if outer else None
            if call is not None and name in call.body.attributes:
                each = partial(self._each, parent, call, key)
                return self._source(call.body.attributes[name], Scope(partial(self._look, parent, each)))
        instead = declared.body.attributes.get("default") if declared is not None else None
        return unread(f"var.{name}") if instead is None else self._source(instead, Scope(unread))

    def _output(self, module: str, name: str) -> Json:
        folder = self.configuration.folders.get(without_keys(module))
        block = folder.outputs.get(name) if folder else None
        value = block.body.attributes.get("value") if block is not None else None
        if value is None:
            return unread(f"{module}.{name}")
        return self._source(value, Scope(partial(self._look, module, None)))

    def _module(self, module: str, name: str) -> Json:
        address = f"{module}.module.{name}" if module else f"module.{name}"
        folder = self.configuration.folders.get(without_keys(module))
        call = folder.calls.get(name) if folder else None
        if call is None:
            return unread(address)
        if not {"for_each", "count"} & call.body.attributes.keys():
            return Later(lambda output: self._once("output", address, str(output)))
        made: dict[str | int, Json] = {}
        for one in self.configuration.instances(self.plan).get(address, ()):
            _, _, key = split_module(one)
            if key is not None:
                made[key] = Later(partial(self._output_of, one))
        return Later(lambda key: made.get(key, unread(f"{address}[{key!r}]")), made)

    def _output_of(self, module: str, name: str | int) -> Json:
        return self._once("output", module, str(name))

    def _resource(self, module: str, name: str) -> Json:
        block = f"{without_keys(module)}.{name}" if module else name
        found = [one for one in self.by_block.get((self.plan.file, block), ()) if one.module == module]
        if len(found) == 1 and found[0].key is None:
            return self._instance(found[0])
        folder = self.configuration.folders.get(without_keys(module))
        if not found and (folder is None or name not in folder.resources):
            return unread(name)
        made: dict[str | int, Json] = {one.key: self._instance(one) for one in found if one.key is not None}
        return Later(lambda key: made.get(key, unread(f"{name}[{key!r}]")), made)

    def _instance(self, instance: Instance) -> Later:
        return Later(lambda key: self.attributes.attribute(instance, str(key)))
