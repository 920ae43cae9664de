"""The rules that an editor knows: the shipped ones, and those of the folders that it was told of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from auditor.errors import InputError
from auditor.model import EMPTY, Json
from auditor.rule import Rule
from auditor.rulebook import Pack, load, read_pack


@dataclass(frozen=True, slots=True)
class Library:
    """Rules by id."""

    rules: Mapping[str, Rule] = field(default_factory=lambda: EMPTY)

    @property
    def words(self) -> Mapping[str, Json]:
        """Return the words of `intent` that the rules add, by their schema."""
        return {word: schema for rule in self.rules.values() for word, schema in rule.parameters.items()}


def library(folders: tuple[Path, ...] = ()) -> Library:
    """Return the shipped rules and those below the folders; a folder with mistakes (its editor shows them) adds none."""
    book = {rule.id: rule for rule in load(vet=False)}
    for folder in folders:
        try:
            book |= {rule.id: rule for rule in load([folder], vet=False, with_shipped=False) if rule.id not in book}
        except InputError:
            continue
    return Library(book)


def pack_of(file: Path) -> Pack | None:
    """Return the pack that a rule file lies in; `None` when there is none, or when it has mistakes of its own."""
    for folder in file.parents:
        if (folder / "pack.yaml").is_file():
            try:
                return read_pack(folder / "pack.yaml")
            except InputError:
                return None
    return None
