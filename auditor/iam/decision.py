"""The decision: what AWS would answer to a request, and why."""

from __future__ import annotations

from dataclasses import dataclass, field

from auditor.iam.explain import reasons
from auditor.iam.logic import Parts, needs_no_permission, parts
from auditor.iam.once import once
from auditor.iam.policies import Policies
from auditor.iam.reasons import Effect, Reason
from auditor.iam.request import Request

__all__ = ["Decision", "decide"]


@dataclass(frozen=True)
class Decision:
    """The answer to a request. Reasons and sentences are worked out when they are asked for.

    `effect` is allowed, explicit_deny, implicit_deny (nothing grants it; certain even if an unreadable policy might
    also deny it in words), or unknown where something unreadable or unknowable could change the answer.
    """

    effect: Effect
    request: Request
    policies: Policies = field(repr=False)
    parts: Parts = field(repr=False, compare=False)

    @once
    def by(self) -> tuple[Reason, ...]:
        """What decided: the granting or denying statements, the nearest misses, or what could not be known."""
        return reasons(self.effect, self.request, self.policies, self.parts)

    @once
    def explain(self) -> str:
        """The reasons in English."""
        return " ".join(reason.en for reason in self.by)

    @once
    def explain_ja(self) -> str:
        """The reasons in Japanese."""
        return "".join(reason.ja for reason in self.by)


def decide(request: Request, policies: Policies) -> Decision:
    """Return what AWS answers to the request under the policies, in three-valued logic.

    An explicit Deny anywhere is final. Otherwise every guard (each level of SCPs and RCPs, the VPC endpoint) must
    allow, and the caller's and the resource's policies must grant, as `Parts.granted` says for each sort of caller.
    """
    found = parts(request, policies)
    effect = "allowed" if needs_no_permission(request) else _effect(found, request)
    return Decision(effect, request, policies, found)


def _effect(found: Parts, request: Request) -> Effect:
    deny = found.deny()
    if deny:
        return "explicit_deny"
    allow = found.allow(request)
    if allow is False:
        return "implicit_deny"
    return "allowed" if allow and deny is False else "unknown"
