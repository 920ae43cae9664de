"""Replace functions of moto in place, keeping the original at hand for the replacement."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Set `owner.name` to `make(original)`; raise AttributeError when moto no longer has that name."""
    original = getattr(owner, name)
    setattr(owner, name, functools.wraps(original)(make(original)))


def memory(thing: Any) -> dict[str, Any]:
    """Return what the stand-in remembers beside a moto object; it lives and dies with that object."""
    kept: dict[str, Any] = thing.__dict__.setdefault("_standin", {})
    return kept
