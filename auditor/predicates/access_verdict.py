"""Verdicts on what is asked: allowed, refused with the words of the decision, or open with what is missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from auditor.iam import Decision, Policies, Policy, Reason, Request, decide
from auditor.kinds.organizations import RCP, SCP
from auditor.model import Evidence, Json, Text, Unread
from auditor.predicates.access_calls import CALLS, Ask
from auditor.predicates.access_policies import OPEN, Leaning, Source, boundary, guard, identity, kms_grants
from auditor.predicates.organizations import Control, control
from auditor.predicates.words import ACTION_ON, DENIED, NOT_ALLOWED
from auditor.scope import Found, Scope, object_to, unknown_at

Side = Literal["caller", "resource", "both"]
"""Whose policies are judged: the caller's own (its resource's Denies are another rule's matter), the resource's, or both."""

_SIDES: Mapping[str, frozenset[str]] = {
    "caller": frozenset({"identity", "boundary", "session", "scp", "logic"}),
    "resource": frozenset({"resource", "grant", "rcp", "logic"}),
    "both": frozenset({"identity", "boundary", "session", "scp", "resource", "grant", "rcp", "logic"}),
}
_ALL = Policy.parse(OPEN, "everything")
_UNDECLARED = Text(
    "The pipeline does not declare this key, whose policy could allow it: add it as source_key or destination_key.",
    "パイプラインがこのキーを宣言していないため、キーポリシーが許可しているか分かりません。source_key または destination_key に"
    "追加してください。",
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is surely refused, or (with `gap`) that may be, as nobody can tell."""

    ask: Ask
    decision: Decision
    gap: tuple[str, Unread] | None = None

    @property
    def blames_key(self) -> bool:
        """Tell whether no policy of the caller could have helped: it was judged as one that may do everything."""
        return self.decision.policies.identity == (_ALL,)


@dataclass(slots=True)
class Bench:
    """Where the policies of one scope are kept ready while its requests are judged."""

    scope: Scope
    side: Side
    sources: dict[str, tuple[Source, ...]] = field(default_factory=dict)
    ready: dict[tuple[str, str, str, bool], Policies] = field(default_factory=dict)
    gaps: dict[tuple[str, str], tuple[tuple[str, Unread], ...]] = field(default_factory=dict)
    controls: dict[tuple[str, str], Control | None] = field(default_factory=dict)

    def refusal(self, ask: Ask) -> Refusal | None:
        """Return why a request is, or may be, refused; `None` when it is surely allowed or not made at all."""
        if ask.needed is False:
            return None
        found = self._settle(ask)
        if found is not None and ask.instead is not None and found.decision.effect != "explicit_deny":
            other = self._settle(replace(ask, variants=(ask.instead,), instead=None))
            if other is None:
                return None
            found = found if other.gap is None else replace(other, ask=ask)
        if found is not None and isinstance(ask.needed, Unread):
            return replace(found, gap=(self._home(ask), ask.needed))
        return found

    def _settle(self, ask: Ask) -> Refusal | None:
        generous = [decide(one, self._policies(ask, one, "generous")) for one in ask.variants]
        denied = [one for one in generous if one.effect in {"explicit_deny", "implicit_deny"}]
        if len(denied) == len(generous):
            _, gap = self._grants(ask)
            return (
                Refusal(ask, denied[0], gap)
                if gap and denied[0].effect == "implicit_deny"
                else self._blamed(ask, denied[0])
            )
        open_one = next((one for one in generous if one.effect != "allowed"), None)
        if open_one is not None:
            return Refusal(ask, open_one, self._missing(ask, open_one))
        if not self._gaps(ask):
            return None
        strict = [decide(one, self._policies(ask, one, "strict")) for one in ask.variants]
        bad = next((one for one in strict if one.effect != "allowed"), None)
        return Refusal(ask, bad, self._missing(ask, bad)) if bad is not None else None

    def _blamed(self, ask: Ask, decision: Decision) -> Refusal | None:
        """Return the refusal if it is this side's to mend.

        In its own account a key's policy must speak first: where it does not, the caller's policies are not at fault. A
        key that the pipeline does not declare may grant what nothing here does.
        """
        request = decision.request
        if request.service != "kms" or self.side == "resource" or not request.same_account:
            return Refusal(ask, decision)
        if (
            self.side == "caller"
            and decide(request, replace(decision.policies, identity=(_ALL,), boundary=None, scps=None)).effect
            != "allowed"
        ):
            return None
        if not ask.guard and decision.effect == "implicit_deny":
            return Refusal(ask, decision, (self._home(ask), Unread("NotDeclared", detail=_UNDECLARED)))
        return Refusal(ask, decision)

    def _policies(self, ask: Ask, request: Request, leaning: Leaning) -> Policies:
        key = (ask.caller, ask.guard, leaning, request.same_account)
        if key not in self.ready or request.service == "kms":
            self.ready[key] = self._made(ask, request, leaning)
        return self.ready[key]

    def _made(self, ask: Ask, request: Request, leaning: Leaning) -> Policies:
        own, limit = ((_ALL,), None) if self.side == "resource" and ask.caller else self._own(ask.caller, leaning)
        grants, _ = self._grants(ask)
        scps, rcps = self._controls(ask)
        return Policies(
            own,
            self._resource(ask, request, leaning),
            limit,
            scps=scps.policies(leaning, principals=False) if scps else None,
            rcps=rcps.policies(leaning, principals=True) if rcps else None,
            grants=grants,
        )

    def _controls(self, ask: Ask) -> tuple[Control | None, Control | None]:
        """Return the SCPs on the caller's account and the RCPs on the resource's, each as far as this side is judged."""
        scps = self._control(ask.caller, SCP) if ask.caller and self.side != "resource" else None
        rcps = self._control(ask.guard.partition(".")[0], RCP) if ask.guard and self.side != "caller" else None
        return scps, rcps

    def _control(self, node: str, facet: str) -> Control | None:
        if (node, facet) not in self.controls:
            self.controls[node, facet] = control(self.scope, node, facet)
        return self.controls[node, facet]

    def _own(self, node: str, leaning: Leaning) -> tuple[tuple[Policy, ...], Policy | None]:
        if not node:
            return (), None
        *policies, limit = self._sources(node)
        made = (one.policy(leaning) for one in policies)
        return tuple(one for one in made if one is not None), limit.policy(leaning)

    def _resource(self, ask: Ask, request: Request, leaning: Leaning) -> Policy | None:
        if not ask.guard:
            return trusting(request) if request.service == "kms" else None
        source = self._guard(ask.guard)
        if self.side != "caller":
            return source.policy(leaning, principals=True)
        if not request.same_account:
            return _allowing("*", "*", ask.guard)
        return source.policy(leaning, principals=True, allows_only=True)

    def _sources(self, node: str) -> tuple[Source, ...]:
        if node not in self.sources:
            self.sources[node] = (*identity(self.scope, node), boundary(self.scope, node))
        return self.sources[node]

    def _guard(self, route: str) -> Source:
        if route not in self.sources:
            self.sources[route] = (guard(self.scope, route),)
        return self.sources[route][0]

    def _consulted(self, ask: Ask) -> tuple[Source, ...]:
        own = self._sources(ask.caller) if ask.caller and self.side != "resource" else ()
        return (*own, *((self._guard(ask.guard),) if ask.guard else ()))

    def _gaps(self, ask: Ask) -> tuple[tuple[str, Unread], ...]:
        key = (ask.caller, ask.guard)
        if key not in self.gaps:
            known = [source.gap for source in self._consulted(ask)]
            known += [one.gap for one in self._controls(ask) if one is not None and one.required]
            self.gaps[key] = tuple(gap for gap in known if gap is not None)
        return self.gaps[key]

    def _grants(self, ask: Ask) -> tuple[Json, tuple[str, Unread] | None]:
        node = ask.guard.removesuffix(".Policy") if ask.variants[0].service == "kms" else ""
        return kms_grants(self.scope, node) if node else ((), None)

    def _missing(self, ask: Ask, decision: Decision) -> tuple[str, Unread]:
        """Return what would have to be known: an unread policy, else a value that AWS sets only when the call is made."""
        gaps = self._gaps(ask)
        if gaps:
            return gaps[0]
        return self._home(ask), Unread("Unknowable", detail=Text(decision.explain, decision.explain_ja))

    def _home(self, ask: Ask) -> str:
        if self.side != "resource" and ask.caller:
            return f"{ask.caller}.InlinePolicies"
        return ask.guard or f"{ask.caller}.InlinePolicies"


def trusting(request: Request) -> Policy:
    """Return the key policy that KMS gives to keys by default: IAM policies of the key's account decide."""
    owner = f"arn:aws:iam::{request.owner_account}:root" if request.same_account else "*"
    return _allowing(owner, "kms:*", "the key's default policy")


@lru_cache(maxsize=1024)
def _allowing(principal: str, action: str, name: str) -> Policy:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": action, "Resource": "*"}
    return Policy.parse({"Version": OPEN["Version"], "Statement": [statement]}, name)


def refusals(scope: Scope, calls: Iterable[str], side: Side) -> Iterator[Refusal]:
    """Yield what is, or may be, refused of several calls; of each action on a resource the first refusal."""
    bench, seen = Bench(scope, side), set()
    for name in calls:
        for ask in CALLS[name].asks(scope):
            found = bench.refusal(ask)
            if found is None or (ask.action, ask.on) in seen or _told_elsewhere(name, found, scope):
                continue
            seen.add((ask.action, ask.on))
            yield found


def _told_elsewhere(name: str, refusal: Refusal, scope: Scope) -> bool:
    """Tell whether what keeps replication out keeps the export out too: one mistake is told once, by the export's rules.

    That is one Deny of the source bucket's policy (export-bucket-policy), or a key policy that lets neither use the
    source's key (export-kms-permissions).
    """
    if refusal.gap is not None or not scope.resource("exporter"):
        return False
    if name == "replication_reads" and (mine := _denied_by(refusal)):
        return any(mine & _denied_by(one) for one in refusals(scope, ("export_writes",), "resource"))
    if name == "replication_keys" and refusal.ask.action == "kms:Decrypt" and refusal.blames_key:
        return any(one.gap is None for one in refusals(scope, ("export_keys",), "resource"))
    return False


def _denied_by(refusal: Refusal) -> frozenset[tuple[str, str | int | None]]:
    """Return the statements of the resource's policy, and of RCPs on it, that surely deny the request."""
    if refusal.gap is not None or refusal.decision.effect != "explicit_deny":
        return frozenset()
    return frozenset((one.policy, one.statement) for one in refusal.decision.by if one.kind in {"resource", "rcp"})


def evidence(refusal: Refusal, scope: Scope, side: Side) -> Evidence:
    """Return the evidence of a refusal: where the deciding policy stands, what was wanted, and who decided."""
    ask, decision = refusal.ask, refusal.decision
    wanted = ACTION_ON.fill(ask.action, ask.on)
    reasons = [one for one in decision.by if one.kind in _SIDES[side]] or list(decision.by)
    note = Text(" ".join(one.en for one in reasons), "".join(one.ja for one in reasons))
    if refusal.gap is not None:
        route, unread = refusal.gap
        said = {"Unknowable": note, "NotDeclared": _UNDECLARED if ask.variants[0].service == "kms" else None}.get(
            unread.reason
        )
        return unknown_at(route, unread, wanted, scope, note=said, key=ask.action)
    found = DENIED if decision.effect == "explicit_deny" else NOT_ALLOWED
    return object_to(
        Found(None, _route(ask, decision, reasons, side)), wanted, scope, note=note, key=ask.action, shown=found
    )


def _route(ask: Ask, decision: Decision, reasons: list[Reason], side: Side) -> str:
    kinds = [one.kind for one in reasons]
    if kinds[:1] == ["scp"]:
        return f"{ask.caller}.{SCP}"
    if kinds[:1] == ["rcp"]:
        return f"{ask.guard.partition('.')[0]}.{RCP}"
    if side == "resource" or not ask.caller or (decision.effect == "explicit_deny" and kinds[:1] == ["resource"]):
        return ask.guard or f"{ask.caller}.InlinePolicies"
    if "boundary" in kinds and "identity" not in kinds:
        return f"{ask.caller}.Boundary"
    if decision.effect == "explicit_deny" and reasons[0].policy.startswith("arn:"):
        return f"{ask.caller}.AttachedPolicies"
    return f"{ask.caller}.InlinePolicies"
