"""Replace functions of moto in place, keeping the original at hand for the replacement."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from auditor.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Set `owner.name` to `make(original)`; raise UsageError when this moto does not have that name."""
    original = getattr(owner, name, None)
    if original is None:
        where = getattr(owner, "__qualname__", getattr(owner, "__name__", owner))
        raise UsageError(f"The installed moto has no {where}.{name}.", "pip install 'auditor[demo]'.")
    setattr(owner, name, functools.wraps(original)(make(original)))


def memory(thing: Any) -> dict[str, Any]:
    """Return what the stand-in remembers beside a moto object; it lives and dies with that object."""
    kept: dict[str, Any] = thing.__dict__.setdefault("_standin", {})
    return kept
