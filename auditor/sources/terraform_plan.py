"""A plan or state as `terraform show -json` writes it: what will be there, what goes, and the configuration behind it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.model import EMPTY, Json, Text, Unread

_KEYS = re.compile(r'\[(?:"(?:[^"\\]|\\.)*"|\d+)\]')


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """One instance of a resource or data source.

    `module` is the address of the module instance that it lies in (empty: the root), `block` the address of its block in
    the configuration, which has no keys. `actions` are the plan's (`no-op`, `create`, `update`, `delete`, `read`, …), none
    in a state. `values` are its attributes as far as they are known, beside what is `unknown` and what is `sensitive`.
    """

    address: str
    module: str
    block: str
    mode: str
    type: str
    name: str
    key: str | int | None
    actions: tuple[str, ...] = ()
    values: Mapping[str, Json] = field(default_factory=lambda: EMPTY)
    unknown: Json = None
    sensitive: Json = None

    @property
    def made(self) -> bool:
        """Tell whether the plan makes the resource, for the first time or anew."""
        return "create" in self.actions

    @property
    def names(self) -> frozenset[str]:
        """Return the names of the attributes that are known, or will be."""
        later = self.unknown if isinstance(self.unknown, Mapping) else EMPTY
        return frozenset(self.values) | frozenset(later)

    def known(self, name: str) -> bool:
        """Tell whether all of an attribute is known, and none of it sensitive."""
        return not any(_marks(_mask(one, name)) for one in (self.unknown, self.sensitive))

    def attribute(self, name: str) -> Json:
        """Return an attribute, with an `Unread` where it is not known yet or sensitive; `None` when it is null."""
        if self.known(name):
            return self.values.get(name)
        later, secret = _mask(self.unknown, name), _mask(self.sensitive, name)
        return _marked(self.values.get(name), later, secret, f"{self.address}: {name}")


def _mask(mask: Json, name: str) -> Json:
    return mask.get(name) if isinstance(mask, dict) else mask is True


def _marks(mask: Json) -> bool:
    """Tell whether a mask says yes anywhere."""
    if mask is True:
        return True
    if isinstance(mask, dict):
        return any(_marks(one) for one in mask.values())
    return isinstance(mask, list) and any(_marks(one) for one in mask)


def _marked(value: Json, later: Json, secret: Json, where: str) -> Json:
    if later is True:
        return Unread(
            "KnownAfterApply",
            detail=Text(f"{where} is known only after apply.", f"{where} は apply するまで確定しません。"),
        )
    if secret is True:
        return Unread(
            "Sensitive",
            detail=Text(
                f"{where} is marked as sensitive, so it is not looked at.",
                f"{where} は sensitive 指定のため参照しません。",
            ),
        )
    if isinstance(value, Mapping) or (value is None and isinstance(later, Mapping) and later):
        known, soon, hidden = (one if isinstance(one, Mapping) else EMPTY for one in (value, later, secret))
        return {
            name: _marked(known.get(name), soon.get(name), hidden.get(name), f"{where}.{name}")
            for name in (*known, *(name for name in soon if name not in known))
        }
    if isinstance(value, list) or (value is None and isinstance(later, list) and later):
        known_items, soon_items, hidden_items = (one if isinstance(one, list) else [] for one in (value, later, secret))
        length = max(len(known_items), len(soon_items))
        return [
            _marked(_at(known_items, index), _at(soon_items, index), _at(hidden_items, index), f"{where}[{index}]")
            for index in range(length)
        ]
    return value


def _at(items: list[Json], index: int) -> Json:
    return items[index] if index < len(items) else None


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block of the configuration: its expressions, the provider it uses, what it is repeated for, and its mode."""

    expressions: Mapping[str, Json]
    provider: str
    repeated: Json = None
    mode: str = "managed"


@dataclass(frozen=True, slots=True, eq=False)
class Module:
    """A module of the configuration: its calls of other modules, and the expressions of its outputs."""

    calls: Mapping[str, Mapping[str, Json]]
    outputs: Mapping[str, Json]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """A file that `terraform show -json` wrote.

    `instances` will be there after apply (data sources too), `gone` will not. `whole`: the file tells all that its
    configuration manages; else what it does not have may still be there. `blocks` and `modules` are by address without
    keys; a state has none. `providers` are the expressions of provider configurations by their key.
    """

    file: str
    instances: tuple[Instance, ...]
    gone: tuple[Instance, ...]
    whole: bool
    blocks: Mapping[str, Block] = field(default_factory=lambda: EMPTY)
    modules: Mapping[str, Module] = field(default_factory=lambda: EMPTY)
    providers: Mapping[str, Mapping[str, Json]] = field(default_factory=lambda: EMPTY)
    variables: Mapping[str, Json] = field(default_factory=lambda: EMPTY)

    @property
    def configured(self) -> bool:
        """Tell whether the configuration is in the file, as it is in a plan and is not in a state."""
        return bool(self.modules)


def without_keys(address: str) -> str:
    """Return an address without the keys of `count` and `for_each`."""
    return _KEYS.sub("", address)
