"""What is wrong with a policy document, and where."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PolicyError", "Unreadable"]


class PolicyError(ValueError):
    """A document that AWS would not accept as a policy. `place` is a path such as `Statement[2].Effect`, or ""."""

    def __init__(self, policy: str, place: str, problem: str) -> None:
        self.policy = policy
        self.place = place
        self.problem = problem
        super().__init__(f"{policy}: {place}: {problem}" if place else f"{policy}: {problem}")


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A policy that exists, or may exist, and could not be read: it could say anything."""

    name: str
    reason: str = "it could not be read"
