"""Reading what `terraform show -json` wrote: the first thing that Terraform would not write ends it with a sentence."""

from __future__ import annotations

import gc
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from auditor.errors import InputError, Mistake, Place, SourceError
from auditor.files import JSON_BYTES, parse_json, read_text, shown
from auditor.model import EMPTY, Json
from auditor.sources.terraform_plan import Block, Instance, Module, Plan, without_keys

_HINT = "Write it with `terraform show -json PLAN > plan.json`."
_LEAVING = frozenset({"delete", "forget"})
_MODULES = 10_000


def load(path: Path) -> Plan:
    """Return a plan or state. Raises `SourceError` with one sentence for anything else."""
    try:
        value = _json(path)
    except InputError as error:
        raise SourceError([_explained(path, mistake) for mistake in error.mistakes]) from None
    return _plan(value, _Shape(str(path)))


def _json(path: Path) -> Json:
    """Return a file's value: plans are large, and Terraform writes them well formed, so they are read the quick way.

    What that way does not understand is read again with care, for the sentence. Raises `InputError`.
    """
    text = read_text(path, limit=JSON_BYTES)
    running = gc.isenabled()
    # Millions of small values are made and none is thrown away: looking for garbage would take half of the time.
    gc.disable()
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_constant=_refused)
    except (ValueError, RecursionError):
        return parse_json(text, str(path)).value
    finally:
        if running:
            gc.enable()


def _refused(_word: str) -> NoReturn:
    raise ValueError


def _explained(path: Path, mistake: Mistake) -> Mistake:
    """Say what to do about a file that is no JSON because it is a plan itself, or the log of one."""
    if not path.is_file():
        return mistake
    try:
        with path.open("rb") as stream:
            head = stream.read(4096)
    except OSError:
        return mistake
    if head.startswith(b"PK"):
        return Mistake(Place(str(path)), "This is Terraform's own plan file, which only Terraform reads.", _HINT)
    if b'"@level"' in head:
        return Mistake(Place(str(path)), "This is the log that `terraform plan -json` writes, not the plan.", _HINT)
    return mistake


@dataclass(frozen=True, slots=True)
class _Shape:
    """What a file must look like."""

    file: str

    def mapping(self, value: Json, where: str) -> Mapping[str, Json]:
        if value is None:
            return EMPTY
        if not isinstance(value, Mapping):
            self.stop(f"A mapping is expected at {where}, not {shown(value, 30)}.")
        return value

    def items(self, value: Json, where: str) -> list[tuple[Json, str]]:
        """Return the items of a list, each with where it stands."""
        if value is None:
            return []
        if not isinstance(value, list):
            self.stop(f"A list is expected at {where}, not {shown(value, 30)}.")
        return [(one, f"{where}[{index}]") for index, one in enumerate(value)]

    def stop(self, sentence: str, hint: str = _HINT) -> NoReturn:
        raise SourceError([Mistake(Place(self.file), sentence, hint)])


def _plan(value: Json, shape: _Shape) -> Plan:
    known = shape.mapping(value, "the top of the file")
    version = known.get("format_version")
    if not isinstance(version, str):
        _foreign(known, shape)
    if version.split(".")[0] not in {"0", "1"}:
        shape.stop(f"The format_version {shown(version)} is newer than this version of auditor.", "Update auditor.")
    if not {"planned_values", "resource_changes", "values"} & set(known) - _nulls(known):
        if not set(known) <= {"format_version", "terraform_version", "values", "checks"}:
            shape.stop("This is neither a plan nor a state: it has no `planned_values` and no `values`.")
        return Plan(shape.file, (), (), whole=True)
    changes = list(_changes(known, shape))
    blocks, modules, providers = _configuration(shape.mapping(known.get("configuration"), "configuration"), shape)
    variables = shape.mapping(known.get("variables"), "variables")
    instances = tuple(_instances(known, changes, shape))
    whole = known.get("errored") is not True and known.get("complete") is not False
    return Plan(
        shape.file,
        instances,
        tuple(one for one in changes if one.actions == ("delete",)),
        whole=whole and not _targeted(blocks, modules, {one.block for one in (*changes, *instances)}),
        blocks=blocks,
        modules=modules,
        providers=providers,
        variables={name: shape.mapping(one, f"variables.{name}").get("value") for name, one in variables.items()},
    )


def _targeted(blocks: Mapping[str, Block], modules: Mapping[str, Module], planned: set[str]) -> bool:
    """Tell whether the plan lacks resources of its configuration: then it was limited with `-target`.

    Before Terraform 1.8 such a plan does not say so itself. What is repeated may be repeated no times.
    """
    repeated = tuple(
        f"{path}.module.{name}." if path else f"module.{name}."
        for path, module in modules.items()
        for name, call in module.calls.items()
        if {"for_each_expression", "count_expression"} & set(call)
    )
    lacking = (
        address
        for address, block in blocks.items()
        if address not in planned and block.repeated is None and block.mode == "managed"
    )
    return any(not address.startswith(repeated) for address in lacking)


def _nulls(known: Mapping[str, Json]) -> set[str]:
    return {name for name, value in known.items() if value is None}


def _foreign(known: Mapping[str, Json], shape: _Shape) -> NoReturn:
    if "serial" in known and "lineage" in known:
        hint = "Write it with `terraform show -json > state.json`."
        shape.stop("This is Terraform's own state file, which only Terraform reads.", hint)
    if "@level" in known:
        shape.stop("This is the log that `terraform plan -json` writes, not the plan.")
    shape.stop("This is no Terraform plan: it has no `format_version`.")


def _instances(known: Mapping[str, Json], changes: list[Instance], shape: _Shape) -> Iterator[Instance]:
    seen = {one.address for one in changes}
    yield from (one for one in changes if one.made or not _LEAVING & set(one.actions))
    for name in ("planned_values", "values"):
        yield from _values(known.get(name), name, shape, seen)
    prior = shape.mapping(known.get("prior_state"), "prior_state")
    # Data sources that were read before the plan was made; managed resources are among the changes.
    yield from (one for one in _values(prior.get("values"), "prior_state.values", shape, seen) if one.mode == "data")


def _changes(known: Mapping[str, Json], shape: _Shape) -> Iterator[Instance]:
    listed = shape.items(known.get("resource_changes"), "resource_changes")
    for one, where in shape.items(known.get("deferred_changes"), "deferred_changes"):
        listed.append((shape.mapping(one, where).get("resource_change"), f"{where}.resource_change"))
    for raw, where in listed:
        change = shape.mapping(raw, where)
        # A deposed object is what an earlier run failed to take away.
        if "deposed" not in change:
            yield _change(change, where, shape)


def _change(raw: Mapping[str, Json], where: str, shape: _Shape) -> Instance:
    change = shape.mapping(raw.get("change"), f"{where}.change")
    actions = tuple(str(one) for one, _ in shape.items(change.get("actions"), f"{where}.change.actions"))
    leaving = "create" not in actions and bool(_LEAVING & set(actions))
    values = shape.mapping(change.get("before" if leaving else "after"), f"{where}.change.after")
    unknown = None if leaving else change.get("after_unknown")
    secret = change.get("before_sensitive" if leaving else "after_sensitive")
    return _instance(raw, where, _text(raw.get("module_address")), (actions, values, unknown, secret), shape)


def _values(raw: Json, where: str, shape: _Shape, seen: set[str]) -> Iterator[Instance]:
    """Yield the resources of a module and of those below it that were not seen yet."""
    waiting = [(shape.mapping(raw, where).get("root_module"), "", f"{where}.root_module")]
    while waiting:
        found, address, here = waiting.pop()
        module = shape.mapping(found, here)
        for one, there in shape.items(module.get("resources"), f"{here}.resources"):
            resource = shape.mapping(one, there)
            if _text(resource.get("address")) in seen:
                continue
            values = shape.mapping(resource.get("values"), f"{there}.values")
            made = _instance(resource, there, address, ((), values, None, resource.get("sensitive_values")), shape)
            if made.address not in seen:
                seen.add(made.address)
                yield made
        for child, there in shape.items(module.get("child_modules"), f"{here}.child_modules"):
            waiting.append((child, _text(shape.mapping(child, there).get("address")), there))


def _instance(
    raw: Mapping[str, Json],
    where: str,
    module: str,
    rest: tuple[tuple[str, ...], Mapping[str, Json], Json, Json],
    shape: _Shape,
) -> Instance:
    address, kind, name = (_text(raw.get(word)) for word in ("address", "type", "name"))
    if not (address and kind and name):
        shape.stop(f"{where} has no `address`, `type` and `name`.")
    mode = "data" if raw.get("mode") == "data" else "managed"
    key = raw.get("index")
    if isinstance(key, bool) or not isinstance(key, str | int):
        key = None
    # Terraform 0.12 left the module out of the addresses of its resources.
    whole = address if not module or address.startswith(f"{module}.") else f"{module}.{address}"
    head = f"{without_keys(module)}." if module else ""
    block = f"{head}{'data.' if mode == 'data' else ''}{kind}.{name}"
    return Instance(whole, module, block, mode, kind, name, key, *rest)


def _text(value: Json) -> str:
    return value if isinstance(value, str) else ""


def _configuration(
    raw: Mapping[str, Json], shape: _Shape
) -> tuple[dict[str, Block], dict[str, Module], dict[str, Mapping[str, Json]]]:
    """Return the blocks and modules of a configuration by their addresses without keys, and its providers."""
    blocks: dict[str, Block] = {}
    modules: dict[str, Module] = {}
    listed = shape.mapping(raw.get("provider_config"), "configuration.provider_config")
    providers = {
        name: shape.mapping(shape.mapping(one, f"provider_config.{name}").get("expressions"), f"provider_config.{name}")
        for name, one in listed.items()
    }
    waiting = [(raw.get("root_module"), "", "configuration.root_module")]
    while waiting:
        found, path, here = waiting.pop()
        if found is None:
            continue
        module = shape.mapping(found, here)
        calls = shape.mapping(module.get("module_calls"), f"{here}.module_calls")
        modules[path] = Module(calls, shape.mapping(module.get("outputs"), f"{here}.outputs"))
        if len(modules) > _MODULES:
            shape.stop(f"The configuration has more than {_MODULES:,} modules.", "Split it.")
        for one, there in shape.items(module.get("resources"), f"{here}.resources"):
            resource = shape.mapping(one, there)
            blocks[f"{path}.{_block(resource)}" if path else _block(resource)] = Block(
                shape.mapping(resource.get("expressions"), f"{there}.expressions"),
                _text(resource.get("provider_config_key")),
                resource.get("for_each_expression", resource.get("count_expression")),
                _text(resource.get("mode")) or "managed",
            )
        for name, call in calls.items():
            inner = f"{path}.module.{name}" if path else f"module.{name}"
            waiting.append((shape.mapping(call, f"{here}.module_calls.{name}").get("module"), inner, f"module {inner}"))
    return blocks, modules, providers


def _block(resource: Mapping[str, Json]) -> str:
    head = "data." if resource.get("mode") == "data" else ""
    return f"{head}{_text(resource.get('type'))}.{_text(resource.get('name'))}"
