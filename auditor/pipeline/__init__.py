"""Pipeline files: from strict YAML to typed pipelines, or all mistakes of all files at once."""

from __future__ import annotations

import copy
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from auditor.errors import InputError, Mistake, PipelineError, Place
from auditor.files import (
    Document,
    closest,
    did_you_mean,
    load_json,
    load_yaml,
    parse_yaml,
    schema_mistakes,
    shipped,
    shown,
)
from auditor.model import EMPTY, NODES, Account, Json, Pipeline, Waiver
from auditor.pipeline.added import added_by_others, with_added
from auditor.pipeline.names import REGIONS, read_arn
from auditor.pipeline.nodes import read_nodes

__all__ = ["accounts", "load", "load_document", "parse", "schema", "unknown_rules"]

_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
"""Newer Pythons read more forms of ISO 8601 as a date than older ones do."""


def load(paths: Iterable[Path], *, intent: Mapping[str, Json] = EMPTY) -> tuple[Pipeline, ...]:
    """Return the pipelines of files, and of all `*.yaml` and `*.yml` files below folders, in the order of their names.

    `intent` maps further words of `intent:` to the JSON Schema of their values (`Rule.parameters`). Raises
    `PipelineError` with all mistakes of all files.
    """
    mistakes: list[Mistake] = []
    pipelines: list[Pipeline] = []
    for file in _files(paths, mistakes):
        read, wrong = _attempt(file, intent)
        pipelines += read
        mistakes += wrong
    mistakes.extend(_clashes(pipelines))
    if mistakes:
        raise PipelineError(mistakes)
    return tuple(pipelines)


def accounts(paths: Iterable[Path]) -> tuple[Account, ...]:
    """Return the accounts that files, and the files below folders, declare; whatever else stands there is not judged.

    Raises `PipelineError` for a file that cannot be read, or is no YAML.
    """
    mistakes: list[Mistake] = []
    found: list[Account] = []
    for file in _files(paths, mistakes):
        try:
            document = load_yaml(file)
        except InputError as error:
            mistakes += error.mistakes
            continue
        known, _ = _Reading(document, document.value)._accounts()  # noqa: SLF001 - of this module
        found += [account for account in known.values() if account is not None]
    if mistakes:
        raise PipelineError(mistakes)
    return tuple(found)


def parse(text: str, file: str, *, intent: Mapping[str, Json] = EMPTY) -> tuple[Pipeline, ...]:
    """Return the pipelines of a file's text. Raises `PipelineError` with all its mistakes."""
    try:
        return load_document(parse_yaml(text, file), intent=intent)
    except InputError as error:
        raise PipelineError(error.mistakes) from None


def load_document(document: Document, *, intent: Mapping[str, Json] = EMPTY) -> tuple[Pipeline, ...]:
    """Return the pipelines of one document in the file's order. Raises `PipelineError` with all its mistakes."""
    if foreign := _foreign(document):
        raise PipelineError([foreign])
    added = added_by_others(document.value)
    mistakes = [_with_region(mistake) for mistake in schema_mistakes(document, with_added(schema(intent), added))]
    pipelines, more = _Reading(document, document.value, added).pipelines()
    if mistakes or more:
        raise PipelineError(
            sorted({*mistakes, *more}, key=lambda one: (one.place.line, one.place.column, one.sentence))
        )
    return tuple(pipelines)


def _attempt(file: Path, intent: Mapping[str, Json]) -> tuple[tuple[Pipeline, ...], tuple[Mistake, ...]]:
    try:
        return load_document(load_yaml(file), intent=intent), ()
    except InputError as error:
        return (), error.mistakes


def schema(intent: Mapping[str, Json] = EMPTY) -> Json:
    """Return the JSON Schema of pipeline files, with further words of `intent:` by the schema of their values."""
    base = load_json(shipped("rules") / "schema" / "pipeline.json", places=False).value
    if intent:
        base = copy.deepcopy(base)
        words = base["$defs"]["intent"]["properties"]
        words.update({word: value for word, value in intent.items() if word not in words})
    return base


def unknown_rules(pipelines: Iterable[Pipeline], known: Iterable[str]) -> list[Mistake]:
    """Return a mistake for each waiver that names a rule which is not among the known ids."""
    ids = frozenset(known)
    waivers = {waiver.place: waiver for pipeline in pipelines for waiver in pipeline.waivers}
    return [
        Mistake(waiver.place, f"No rule is called {shown(waiver.rule)}.", _nearest(waiver.rule, ids))
        for waiver in waivers.values()
        if waiver.rule is not None and waiver.rule not in ids
    ]


def _nearest(rule: str, known: frozenset[str]) -> str:
    near = closest(rule, known)
    return f"Did you mean `{near}`?" if near else "`auditor rules list` shows all of them."


def _foreign(document: Document) -> Mistake | None:
    value = document.value
    if value is None or value == {}:
        return Mistake(
            Place(document.file), "The file declares nothing.", "Declare `version`, `accounts` and `pipelines`."
        )
    if isinstance(value, Mapping) and not {"version", "accounts", "pipelines", "waivers"} & set(value):
        known = ("version", "accounts", "pipelines", "waivers")
        if not any(closest(str(key), known) for key in value):
            return Mistake(document.place_of(()), "This is no pipeline file: it has no `version` and no `pipelines`.")
    return None


def _with_region(mistake: Mistake) -> Mistake:
    """Add the nearest Region to the mistake of one that does not exist."""
    wrong = mistake.sentence.rpartition("`ap-northeast-1`, not ")[2].strip("`.")
    near = closest(wrong, REGIONS) if "must be an AWS Region" in mistake.sentence else None
    return Mistake(mistake.place, mistake.sentence, f"Did you mean `{near}`?") if near else mistake


def _files(paths: Iterable[Path], mistakes: list[Mistake]) -> Iterator[Path]:
    seen: set[str] = set()
    for path in paths:
        found = sorted(_below(path)) if path.is_dir() else [path]
        if not found:
            mistakes.append(
                Mistake(Place(str(path)), "The folder holds no `*.yaml` or `*.yml` file.", "Name another one.")
            )
        for file in found:
            real = os.path.realpath(file)
            if real not in seen:
                seen.add(real)
                yield file


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (
            Path(root) / name for name in names if name.endswith((".yaml", ".yml")) and not name.startswith(".")
        )


def _clashes(pipelines: Iterable[Pipeline]) -> Iterator[Mistake]:
    """Yield pipelines and accounts of different files that bear one name but are not the same."""
    named: dict[str, Pipeline] = {}
    accounts: dict[str, Account] = {}
    told: set[Place] = set()
    for pipeline in pipelines:
        first = named.setdefault(pipeline.name, pipeline)
        if first is not pipeline:
            yield Mistake(
                pipeline.place, f"The pipeline `{pipeline.name}` is declared already at {first.place}.", "Rename one."
            )
        for account in pipeline.accounts.values():
            other = accounts.setdefault(account.name, account)
            if other.id != account.id and account.place not in told:
                told.add(account.place)
                sentence = f"The account `{account.name}` is {account.id} here, but {other.id} at {other.place}."
                yield Mistake(account.place, sentence, "Rename one, or correct its id.")


@dataclass(frozen=True, slots=True)
class _Reading:
    """One document, read as far as its structure allows: the schema objects to the rest."""

    document: Document
    raw: Json
    added: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: EMPTY)

    def pipelines(self) -> tuple[list[Pipeline], list[Mistake]]:
        accounts, mistakes = self._accounts()
        declared = _mapping(self.raw, "pipelines")
        known = {name: account for name, account in accounts.items() if account is not None}
        waivers, more = self._waivers({name: _mapping(declared, name) for name in declared})
        mistakes += more
        pipelines = []
        alike: dict[str, Mapping[str, Json]] = {}
        for name, raw in declared.items():
            path = ("pipelines", name)
            nodes, more = read_nodes(
                self.document, path, raw if isinstance(raw, Mapping) else EMPTY, accounts, self.added
            )
            mistakes += more
            if isinstance(raw, Mapping) and not set(raw) - {"intent"}:
                place = self.document.key_place(path)
                mistakes.append(
                    Mistake(place, f"The pipeline {shown(name)} has no node.", "Declare at least one, such as `table`.")
                )
            mine = tuple(waiver for waiver in waivers if waiver.pipeline in {None, name})
            intent = _mapping(raw, "intent")
            intent = alike.setdefault(repr(intent), intent)
            pipelines.append(Pipeline(name, nodes, known, intent, mine, self.document.key_place(path)))
        return pipelines, mistakes

    def _accounts(self) -> tuple[dict[str, Account | None], list[Mistake]]:
        accounts: dict[str, Account | None] = {}
        mistakes: list[Mistake] = []
        for name, raw in _mapping(self.raw, "accounts").items():
            text = (
                {key: value for key, value in raw.items() if isinstance(value, str)} if isinstance(raw, Mapping) else {}
            )
            identity, region = text.get("id", ""), text.get("region", "")
            whole = len(identity) == 12 and identity.isdigit() and region
            place = self.document.key_place(("accounts", name))
            extra = (text.get("profile"), text.get("assume_role"), text.get("external_id"))
            accounts[name] = Account(name, identity, region, *extra, place) if whole else None
            arn = read_arn(text.get("assume_role", ""))
            if arn is not None and whole and len(arn.account) == 12 and arn.account != identity:
                mistakes.append(
                    Mistake(
                        self.document.place_of(("accounts", name, "assume_role")),
                        f"The role lies in account {arn.account}, but `{name}` is {identity}.",
                        "Assuming it would lead into the wrong account: correct the ARN or the id.",
                    )
                )
        return accounts, mistakes

    def _waivers(self, pipelines: Mapping[str, Mapping[str, Json]]) -> tuple[list[Waiver], list[Mistake]]:
        listed = self.raw.get("waivers") if isinstance(self.raw, Mapping) else None
        waivers: list[Waiver] = []
        mistakes: list[Mistake] = []
        first: dict[str, int] = {}
        for index, raw in enumerate(listed if isinstance(listed, list) else ()):
            if not isinstance(raw, Mapping):
                continue
            path = ("waivers", index)
            text = {key: value for key, value in raw.items() if isinstance(value, str)}
            mistakes += self._waiver_mistakes(path, text, pipelines)
            same = repr(
                [text.get(key) for key in ("rule", "pipeline", "node", "fingerprint")] + [raw.get("only_while")]
            )
            if first.setdefault(same, index) != index:
                sentence = f"This waives what item {first[same] + 1} waives already."
                mistakes.append(Mistake(self.document.place_of(path), sentence, "Keep one of them."))
            until = _day(text.get("until", ""))
            if until is not None:
                waivers.append(self._waiver(path, text, until, raw.get("only_while")))
        return waivers, mistakes

    def _waiver(self, path: tuple[str | int, ...], text: Mapping[str, str], until: date, only_while: Json) -> Waiver:
        return Waiver(
            reason=text.get("reason", "").strip(),
            owner=text.get("owner", "").strip(),
            until=until,
            rule=text.get("rule"),
            pipeline=text.get("pipeline"),
            node=text.get("node"),
            fingerprint=text.get("fingerprint"),
            only_while=only_while,
            place=self.document.place_of(path),
        )

    def _waiver_mistakes(
        self, path: tuple[str | int, ...], text: Mapping[str, str], pipelines: Mapping[str, Mapping[str, Json]]
    ) -> Iterator[Mistake]:
        name, node = text.get("pipeline"), text.get("node")
        if name and pipelines and name not in pipelines:
            place = self.document.place_of((*path, "pipeline"))
            yield Mistake(place, f"No pipeline {shown(name)} is in this file.", did_you_mean(name, pipelines).strip())
        places = [nodes for pipeline, nodes in pipelines.items() if name in {None, pipeline}]
        if node is not None and node in NODES and places and not any(_has(nodes, node) for nodes in places):
            where = f"The pipeline {shown(name)} has" if name else "The pipelines of this file have"
            known = {one for nodes in places for one in nodes if one in NODES}
            place = self.document.place_of((*path, "node"))
            yield Mistake(place, f"{where} no node {shown(node)}.", did_you_mean(node, known).strip())
        until = text.get("until", "")
        if _DAY.fullmatch(until) and _day(until) is None:
            yield Mistake(
                self.document.place_of((*path, "until")), f"There is no day {shown(until)}.", "Write YYYY-MM-DD."
            )


def _has(nodes: Mapping[str, Json], node: str) -> bool:
    """Tell whether a pipeline has a node, be it under a misspelt name that is objected to already."""
    return node in nodes or any(name not in NODES and closest(name, NODES) == node for name in nodes)


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DAY.fullmatch(text) else None
    except ValueError:
        return None


def _mapping(value: Json, key: str) -> Mapping[str, Json]:
    part = value.get(key) if isinstance(value, Mapping) else None
    return part if isinstance(part, Mapping) else EMPTY
