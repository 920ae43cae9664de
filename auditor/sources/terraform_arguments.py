"""What the expressions of a configuration's files give to the instances of a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from auditor.model import Json, Text, Unread
from auditor.sources.terraform_configuration import Configuration
from auditor.sources.terraform_evaluation import Later, Scope, evaluate, items_of, text_or_none, unread
from auditor.sources.terraform_language import Block, Body, Source
from auditor.sources.terraform_plan import Instance, Plan, without_keys
from auditor.sources.terraform_references import ByBlock, split_module

_META = frozenset({"for_each", "count", "provider", "depends_on", "providers", "source", "version"})


class Attributes(Protocol):
    """What reads the attributes of instances (`terraform_values.View`)."""

    def attribute(self, instance: Instance, name: str) -> Json:
        """Return an attribute of an instance."""


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
