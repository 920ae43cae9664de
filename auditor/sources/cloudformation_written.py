"""A part of a CloudFormation template as it is written, with the places of its parts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from auditor.errors import Place
from auditor.files.document import Spot, Step
from auditor.model import Json


@dataclass(frozen=True, slots=True)
class Written:
    """A part of a template as it is written: its value, and the places of its parts."""

    value: Json
    spot: Spot
    file: str

    @property
    def place(self) -> Place:
        """Return where it stands: at its key, where it has one."""
        if self.spot.key_line:
            return Place(self.file, self.spot.key_line, self.spot.key_column)
        return Place(self.file, self.spot.line, self.spot.column)

    def get(self, name: str) -> Written | None:
        """Return a member of a mapping, `None` when it is absent."""
        if not isinstance(self.value, Mapping) or name not in self.value:
            return None
        return Written(self.value[name], self._part(name), self.file)

    def items(self) -> Iterator[tuple[str, Written]]:
        """Yield the members of a mapping; nothing of any other value."""
        for name, value in self.value.items() if isinstance(self.value, Mapping) else ():
            yield name, Written(value, self._part(name), self.file)

    def each(self) -> list[Written]:
        """Return the items of a list; a value that is none is its only item."""
        if not isinstance(self.value, list):
            return [self]
        return [Written(one, self._part(index), self.file) for index, one in enumerate(self.value)]

    def _part(self, step: Step) -> Spot:
        found = (self.spot.parts or {}).get(step)
        return found if found is not None else Spot(self.spot.line, self.spot.column)
