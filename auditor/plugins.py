"""Tables that other distributions may add rows to, by entry points that are read only when a name is unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from auditor.errors import UsageError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Row(Protocol):
    """What stands in a table: something with a name."""

    @property
    def name(self) -> str:
        """Return the word by which the row is found."""


R = TypeVar("R", bound=Row)


class PluginError(UsageError):
    """A distribution that offers a row which cannot be used."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A row that an installed distribution offers under an entry point."""

    name: str
    distribution: str
    point: EntryPoint

    def load(self) -> Any:
        """Return the object behind the entry point, or raise `PluginError`, whatever its module does."""
        try:
            return self.point.load()
        except (Exception, SystemExit) as error:
            said = f"{type(error).__name__}: {error}".splitlines()[0]
            raise PluginError(f"{self} cannot be loaded: {said}.", "Mend it or uninstall it.") from error

    def __str__(self) -> str:
        return f"`{self.name}`, which {self.distribution} offers as {self.point.value},"


class Table(Mapping[str, R], Generic[R]):
    """A mapping of our own rows and of those that installed distributions offer in an entry-point group.

    Our rows are found without a look at what is installed. Any other name, and going through all of them, reads the
    metadata of the installed distributions once, and imports a row when it is taken. Raises `PluginError` when a name is
    offered twice, is ours, or stands for something that is no `sort`.
    """

    def __init__(
        self, group: str, sort: type[R], rows: Iterable[R], adopt: Callable[[R, str], R] = lambda row, _: row
    ) -> None:
        self.group = group
        self.sort = sort
        self.rows = {row.name: row for row in rows}
        self._adopt = adopt
        self._adopted: dict[str, R] = {}

    def __getitem__(self, name: str) -> R:
        if name in self.rows:
            return self.rows[name]
        if name not in self._adopted:
            self._adopted[name] = self._taken(self.offers()[name])
        return self._adopted[name]

    def __contains__(self, name: object) -> bool:
        return name in self.rows or name in self.offers()

    def __iter__(self) -> Iterator[str]:
        yield from self.rows
        yield from self.offers()

    def __len__(self) -> int:
        return len(self.rows) + len(self.offers())

    def offers(self) -> Mapping[str, Offer]:
        """Return what installed distributions offer, by name."""
        made: dict[str, Offer] = {}
        for offer in _offered(self.group):
            other = made.setdefault(offer.name, offer)
            if offer.name in self.rows:
                raise PluginError(f"{offer} has the name of one of auditor's own.", "Rename it or uninstall it.")
            if other is not offer:
                raise PluginError(f"{offer} is offered by {other.distribution} too.", "Uninstall one of them.")
        return made

    def _taken(self, offer: Offer) -> R:
        row = offer.load()
        if not isinstance(row, self.sort):
            raise PluginError(f"{offer} is {_article(type(row).__name__)}, not {_article(self.sort.__name__)}.")
        if row.name != offer.name:
            raise PluginError(f"{offer} calls itself `{row.name}`.", "Name the entry point as the row.")
        return self._adopt(row, offer.distribution)


@cache
def _offered(group: str) -> tuple[Offer, ...]:
    from importlib.metadata import entry_points

    return tuple(
        Offer(point.name, _called(point), point)
        for point in sorted(entry_points(group=group), key=lambda point: (point.name, point.value))
    )


def _called(point: EntryPoint) -> str:
    """Return the distribution of an entry point, as a person would name it."""
    return f"{point.dist.name} {point.dist.version}" if point.dist is not None else "an installed distribution"


def _article(name: str) -> str:
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"
