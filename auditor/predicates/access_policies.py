"""Policies as far as they were read: at their most generous and at their strictest, for decisions in three values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from auditor.iam import Grant, Policy, PolicyError
from auditor.model import Json, Unread
from auditor.scope import Found, Scope, first_unread

Leaning = Literal["generous", "strict"]
"""How what is not known is read: as allowing everything, or as denying everything."""

OPEN: Json = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
_SHUT: Json = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}


@dataclass(frozen=True, slots=True)
class Source:
    """A policy document and where it stands; `None` when there is none, an `Unread` when it (or a part) is not known."""

    name: str
    found: Found
    scope: Scope | None = field(default=None, compare=False, repr=False)
    """The snapshot's own documents are made ready once for all rules."""

    @property
    def gap(self) -> tuple[str, Unread] | None:
        """Return the first part that is not known, or that AWS would not accept, with its route."""
        if self.scope is None:
            return self._gap()
        return self.scope.once(self.found.value, ("gap", self.found.route, self.name), self._gap)

    def _gap(self) -> tuple[str, Unread] | None:
        if hit := first_unread(self.found.value, self.found.route):
            return hit
        if self.found.value is None:
            return None
        parsed = self._parsed()
        return None if isinstance(parsed, Policy) else (self.found.route, parsed)

    def _parsed(self) -> Policy | Unread:
        """Return the whole document made ready, or why AWS would not accept it."""
        if self.scope is None:
            return _read(self.found.value, self.name)
        return self.scope.once(self.found.value, ("parsed", self.name), lambda: _read(self.found.value, self.name))

    def policy(self, leaning: Leaning, *, principals: bool = False, allows_only: bool = False) -> Policy | None:
        """Return the policy as far as it is known, the rest by the leaning.

        `principals` is true of resource policies, whose statements name one; `allows_only` leaves out every Deny.
        """
        if self.scope is None:
            return self._policy(leaning, principals, allows_only)
        if self.found.value is not None and not allows_only and self.gap is None:
            parsed = self._parsed()
            assert isinstance(parsed, Policy)
            return parsed
        key = ("policy", self.name, leaning, principals, allows_only)
        return self.scope.once(self.found.value, key, lambda: self._policy(leaning, principals, allows_only))

    def _policy(self, leaning: Leaning, principals: bool, allows_only: bool) -> Policy | None:
        if self.found.value is None:
            return None
        document = _leaning(self.found.value, leaning, principals=principals)
        if allows_only:
            document = {**document, "Statement": [one for one in _statements(document) if one.get("Effect") == "Allow"]}
        try:
            return Policy.parse(document, self.name)
        except PolicyError:
            unknown = _leaning(Unread("Malformed"), leaning, principals=principals)
            return Policy.parse(
                {**unknown, "Statement": [] if allows_only and leaning == "strict" else unknown["Statement"]}
            )


def _read(document: Json, name: str) -> Policy | Unread:
    try:
        return Policy.parse(document, name)
    except PolicyError as error:
        return Unread("Malformed", detail=str(error))


def _leaning(document: Json, leaning: Leaning, *, principals: bool) -> dict[str, Json]:
    if not isinstance(document, Mapping) or isinstance(document.get("Statement"), Unread):
        return _for_everyone(OPEN if leaning == "generous" else _SHUT, principals=principals)
    kept = [_guessed(one, leaning, principals=principals) for one in _statements(document)]
    version = document.get("Version")
    head = {"Version": version} if isinstance(version, str) else {}
    return {**head, "Statement": [one for one in kept if one is not None]}


def _for_everyone(document: Json, *, principals: bool) -> dict[str, Json]:
    statements = [{**one, **({"Principal": "*"} if principals else {})} for one in document["Statement"]]
    return {**document, "Statement": statements}


def _statements(document: Mapping[str, Json]) -> list[Json]:
    listed = document.get("Statement")
    if listed is None:
        return []
    return list(listed) if isinstance(listed, list | tuple) else [listed]


def _guessed(statement: Json, leaning: Leaning, *, principals: bool) -> Json:
    """Return a statement with its unread parts widened where that suits the leaning, else nothing.

    An Allow that is not wholly known grants as much as it could (generous) or nothing (strict), a Deny the other way.
    """
    if first_unread(statement) is None:
        return statement
    effect = statement.get("Effect") if isinstance(statement, Mapping) else None
    wide = "Allow" if leaning == "generous" else "Deny"
    if effect in {"Allow", "Deny"} and effect != wide:
        return None
    known = dict(statement) if isinstance(statement, Mapping) else {}
    widened = {key: value for key, value in known.items() if first_unread(value) is None and key != "Effect"}
    for name in ("Action", "Resource", *(("Principal",) if principals else ())):
        if name not in widened and f"Not{name}" not in widened:
            widened[name] = "*"
    return {**widened, "Effect": wide}


def identity(scope: Scope, node: str) -> tuple[Source, ...]:
    """Return the role's inline and managed policies; a list that is unread stands as one unknown policy."""
    return tuple(_identity(scope, node))


def _identity(scope: Scope, node: str) -> Iterator[Source]:
    for facet in ("InlinePolicies", "AttachedPolicies"):
        found = scope.find(f"{node}.{facet}")
        if not isinstance(found.value, Mapping):
            if found.value is not None:
                yield Source(facet, found, scope)
            continue
        for name, document in found.value.items():
            yield Source(name, Found(document, f"{found.route}[{_quoted(name)}]"), scope)


def _quoted(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def boundary(scope: Scope, node: str) -> Source:
    """Return the role's permissions boundary."""
    return Source("boundary", scope.find(f"{node}.Boundary"), scope)


def guard(scope: Scope, route: str) -> Source:
    """Return the policy that guards a resource, such as `destination_bucket.Policy`."""
    found = scope.find(route)
    return Source(found.route, found, scope)


def kms_grants(scope: Scope, node: str) -> tuple[tuple[Grant, ...], tuple[str, Unread] | None]:
    """Return a key's grants that are known, and where and why some are not."""
    found = scope.find(f"{node}.Grants")
    listed = found.value if isinstance(found.value, list) else []
    known = [one for one in listed if first_unread(one) is None]
    return tuple(Grant.parse(one) for one in known), first_unread(found.value, found.route)
