"""KMS grants: the third way, beside key policy and IAM, to be allowed the use of a key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from auditor.iam.callers import caller
from auditor.iam.errors import PolicyError
from auditor.iam.facts import Unknown
from auditor.iam.request import Request

__all__ = ["Grant", "grant_allows"]

_CONSTRAINTS = frozenset({"EncryptionContextEquals", "EncryptionContextSubset", "SourceArn"})
_CONTEXT = "kms:encryptioncontext:"


@dataclass(frozen=True)
class Grant:
    """A grant on the key that the request is about. `operations` are names such as "Decrypt".

    `equals` and `subset` are the encryption context constraints: the request's context must be the first, or contain
    the second. `source_arn` is the resource on whose behalf the request must be made, "" for any; `limited` says that
    there are constraints of which this library does not know. Source: KMS Developer Guide, grants.
    """

    grantee: str
    operations: frozenset[str]
    name: str = "grant"
    equals: Mapping[str, str] | None = None
    subset: Mapping[str, str] = field(default_factory=dict)
    source_arn: str = ""
    limited: bool = False

    @classmethod
    def parse(cls, entry: Mapping[str, object]) -> Grant:
        """Return the grant of an entry of KMS's ListGrants. Raises PolicyError."""
        grantee = entry.get("GranteePrincipal") or entry.get("GranteeServicePrincipal")
        operations = entry.get("Operations")
        if not isinstance(grantee, str):
            raise PolicyError("grant", "GranteePrincipal", "must be text")
        if not isinstance(operations, list | tuple) or not all(isinstance(item, str) for item in operations):
            raise PolicyError("grant", "Operations", "must be a list of texts")
        limits = entry.get("Constraints") or {}
        if not isinstance(limits, Mapping):
            raise PolicyError("grant", "Constraints", "must be an object")
        equals = limits.get("EncryptionContextEquals")
        subset = limits.get("EncryptionContextSubset") or {}
        name = str(entry.get("Name") or entry.get("GrantId") or "grant")
        return cls(
            grantee,
            frozenset(map(str, operations)),
            name,
            _pairs(equals) if equals else None,
            _pairs(subset),
            str(limits.get("SourceArn") or ""),
            limited=not limits.keys() <= _CONSTRAINTS,
        )


def _pairs(value: object) -> Mapping[str, str]:
    if not isinstance(value, Mapping) or not all(isinstance(item, str) for item in (*value, *value.values())):
        raise PolicyError("grant", "Constraints", "must map texts to texts")
    return dict(value)


def grant_allows(grant: Grant, request: Request) -> bool | None:
    """Return whether the grant lets the request use the key; None if that hangs on what nobody can know."""
    operation = request.action.partition(":")[2].lower()
    grantee = _is_grantee(grant.grantee, request)
    if operation not in {name.lower() for name in grant.operations} or grantee is False:
        return False
    held = (grantee, None if grant.limited else True, _from_source(grant, request), _in_context(grant, request))
    return False if False in held else None if None in held else True


def _from_source(grant: Grant, request: Request) -> bool | None:
    if not grant.source_arn:
        return True
    found = request.facts.get("aws:sourcearn")
    return None if isinstance(found, Unknown) else found == (grant.source_arn,)


def _in_context(grant: Grant, request: Request) -> bool | None:
    wanted = grant.equals if grant.equals is not None else grant.subset
    verdict: bool | None = True
    for key, value in wanted.items():
        found = request.facts.get(_CONTEXT + key.lower())
        if isinstance(found, Unknown):
            verdict = None
        elif found != (value,):
            return False
    if grant.equals is not None:
        known = {key for key in request.facts.known if key.startswith(_CONTEXT)}
        if not known <= {_CONTEXT + key.lower() for key in wanted}:
            return False
        if isinstance(request.facts.get(_CONTEXT + "*"), Unknown):
            return None
    return verdict


def _is_grantee(grantee: str, request: Request) -> bool | None:
    """Return whether the caller is the grantee; AWS does not say whether a grant to an account reaches its principals."""
    who = request.caller
    if grantee == who.arn:
        return True
    found = caller(grantee)
    if found.kind == "root" and found.account == who.account:
        return True if who.kind == "root" else None
    return who.kind == "session" and found.kind == "role" and (found.account, found.name) == (who.account, who.name)
