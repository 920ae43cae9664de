"""What an expression of a plan's configuration refers to: the plan tells the names in it, and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Union

from auditor.model import EMPTY, Json
from auditor.sources.terraform_plan import Instance, Plan, without_keys

_STEP = re.compile(r'\.?([^.\[\]"]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]')
_DEPTH = 30
_ONLY_KEYS = frozenset({"each.key", "count.index"})
_OPAQUE = frozenset({"local", "each", "count", "path", "terraform", "self"})


@dataclass(frozen=True, slots=True)
class Key:
    """An index or key in brackets."""

    value: str | int


Step = Union[str, Key]


@dataclass(frozen=True, slots=True)
class Target:
    """What a reference leads to: an instance and the path of an attribute in it (empty: which one is not told)."""

    instance: Instance
    path: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Where:
    """Where a reference stands: its plan, the module instance, and the key of the instance that it configures."""

    plan: Plan
    module: str = ""
    key: str | int | None = None


ByBlock = Mapping[tuple[str, str], list[Instance]]
"""The instances of a world by their plan's file and their block."""


def steps(reference: str) -> tuple[Step, ...]:
    """Return the steps of a reference: `a.b[0].c` gives `("a", "b", Key(0), "c")`."""
    return tuple(
        name or Key(int(index) if index else str(json.loads(quoted, strict=False)))
        for name, index, quoted in _STEP.findall(reference)
    )


def specific(references: Json) -> list[str]:
    """Return the references that no other one goes on from: Terraform lists `a.b.c` together with `a.b`."""
    listed = [one for one in references if isinstance(one, str)] if isinstance(references, list) else []
    unique = list(dict.fromkeys(listed))
    longer = {one[:end] for one in unique for end, letter in enumerate(one) if letter in ".["}
    return [one for one in unique if one not in longer]


def targets(references: Json, where: Where, world: ByBlock, repeated: Json = None) -> list[Target] | None:
    """Return all that an expression refers to, `None` when something in it cannot be followed (a local value, say).

    `repeated` is the expression that the block is repeated for.
    """
    return _all(references, where, world, repeated, 0, ())


def _all(
    references: Json, where: Where, world: ByBlock, repeated: Json, depth: int, rest: tuple[Step, ...]
) -> list[Target] | None:
    made: list[Target] = []
    for reference in specific(references):
        if reference in _ONLY_KEYS:
            continue
        led = _follow((*steps(reference), *rest), where, world, repeated, depth)
        if led is None:
            return None
        made += [one for one in led if one not in made]
    return made or None


def _follow(path: tuple[Step, ...], where: Where, world: ByBlock, repeated: Json, depth: int) -> list[Target] | None:
    if depth > _DEPTH or len(path) < 2:
        return None
    if path[0] == "var":
        return _variable(path, where, world, depth)
    if path[0] == "module":
        return _output(path, where, world, depth)
    if path[:2] == ("each", "value"):
        return _each(path[2:], where, world, repeated)
    return None if path[0] in _OPAQUE else _resource(path, where, world)


def _variable(path: tuple[Step, ...], where: Where, world: ByBlock, depth: int) -> list[Target] | None:
    if not where.module:
        return None
    parent, name, key = split_module(where.module)
    call = _call(where.plan, parent, name)
    expression = _mapping(call.get("expressions")).get(str(path[1]))
    references = _mapping(expression).get("references")
    repeated = call.get("for_each_expression")
    return _all(references, Where(where.plan, parent, key), world, repeated, depth + 1, path[2:])


def _output(path: tuple[Step, ...], where: Where, world: ByBlock, depth: int) -> list[Target] | None:
    name, rest = str(path[1]), path[2:]
    called = f"{where.module}.module.{name}" if where.module else f"module.{name}"
    call = _call(where.plan, where.module, name)
    key: str | int | None = None
    if rest and isinstance(rest[0], Key):
        key, rest = rest[0].value, rest[1:]
    elif {"for_each_expression", "count_expression"} & set(call):
        # `module.x[each.key]` is told without its key, which is that of the instance itself.
        key = where.key
    if not rest or not isinstance(rest[0], str):
        return None
    called += "" if key is None else f"[{key}]" if isinstance(key, int) else f"[{json.dumps(key, ensure_ascii=False)}]"
    module = where.plan.modules.get(without_keys(called))
    output = _mapping(module.outputs.get(rest[0])) if module else EMPTY
    references = _mapping(output.get("expression")).get("references")
    return _all(references, Where(where.plan, called), world, None, depth + 1, rest[1:])


def _each(path: tuple[Step, ...], where: Where, world: ByBlock, repeated: Json) -> list[Target] | None:
    """Follow `each.value` of a block that is repeated for the instances of another one."""
    found = specific(_mapping(repeated).get("references"))
    if len(found) != 1:
        return None
    led = _resource(steps(found[0]), where, world)
    return None if led is None else [Target(one.instance, path) for one in led if not one.path]


def _resource(path: tuple[Step, ...], where: Where, world: ByBlock) -> list[Target] | None:
    length = 3 if path[0] == "data" else 2
    if len(path) < length or not all(isinstance(one, str) for one in path[:length]):
        return None
    name, rest = ".".join(str(one) for one in path[:length]), path[length:]
    block = f"{without_keys(where.module)}.{name}" if where.module else name
    found = [one for one in world.get((where.plan.file, block), ()) if one.module == where.module]
    if rest and isinstance(rest[0], Key):
        key: str | int | None = rest[0].value
        return [Target(one, rest[1:]) for one in found if one.key == key] or None
    if len(found) > 1 and where.key is not None:
        found = [one for one in found if one.key == where.key] or found
    return [Target(one, rest) for one in found] or None


def split_module(address: str) -> tuple[str, str, str | int | None]:
    """Return the address of a module's parent, the name of its call, and its key: `module.a.module.b[0]`."""
    path = steps(address)
    last = max(index for index, one in enumerate(path) if one == "module")
    key = path[last + 2] if last + 2 < len(path) else None
    parent = "".join(
        f"[{json.dumps(one.value, ensure_ascii=False)}]" if isinstance(one, Key) else f".{one}" for one in path[:last]
    )
    return parent.removeprefix("."), str(path[last + 1]), key.value if isinstance(key, Key) else None


def _call(plan: Plan, module: str, name: str) -> Mapping[str, Json]:
    found = plan.modules.get(without_keys(module))
    return _mapping(found.calls.get(name)) if found else EMPTY


def _mapping(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else EMPTY
