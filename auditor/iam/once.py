"""once: an attribute worked out when it is first asked for; decisions ask for few of them, and for some of them often."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

__all__ = ["once"]

T = TypeVar("T")


class once(Generic[T]):  # noqa: N801 it is used as property is
    """Like functools.cached_property, which before Python 3.12 takes a lock for every attribute of every object.

    Two threads may both work it out, and find the same.
    """

    def __init__(self, make: Callable[[Any], T]) -> None:
        self.make = make
        self.__doc__ = make.__doc__
        self.name = make.__name__

    def __get__(self, instance: object, owner: type | None = None) -> T:
        made = self.make(instance)
        # Found there from now on: an instance's own attributes go before a descriptor that only reads.
        instance.__dict__[self.name] = made
        return made
