"""Policy variables: `${aws:username}`, their defaults, and the three escapes `${*}`, `${?}` and `${$}`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from auditor.iam.facts import Facts, Unknown
from auditor.iam.glob import Token, Wild, wildcards

__all__ = ["Part", "Template", "Unresolved", "Variable", "literal", "read_text", "resolve", "unfilled"]

_ESCAPES = ("*", "?", "$")


@dataclass(frozen=True, slots=True)
class Variable:
    """A place in a policy that the request's own value fills."""

    key: str
    default: str | None


Part = str | Wild | Variable
Template = tuple[Part, ...]


class Unresolved(Enum):
    """The request has no single value for a variable, so AWS lets the statement not match."""

    MISSING = "missing"


def literal(tokens: tuple[Token, ...]) -> str:
    """Return the pattern as plain text: operators without wildcards compare `*` and `?` as characters."""
    return "".join(token if isinstance(token, str) else token.value for token in tokens)


def read_text(text: str, variables: bool) -> Template:
    """Return the parts of a policy's text; without variables (Version 2008-10-17) `${` is text like any other.

    Source: IAM User Guide, reference_policies_variables.
    """
    if not variables or "${" not in text:
        return wildcards(text)
    parts: list[Part] = []
    position = 0
    while (start := text.find("${", position)) >= 0:
        end = text.find("}", start)
        if end < 0:
            break
        parts.extend(wildcards(text[position:start]))
        parts.append(_variable(text[start + 2 : end]))
        position = end + 1
    parts.extend(wildcards(text[position:]))
    return tuple(parts)


def _variable(inner: str) -> Part:
    if inner in _ESCAPES:
        return inner
    key, comma, rest = inner.partition(",")
    rest = rest.strip()
    quoted = len(rest) >= 2 and rest[0] == rest[-1] == "'"
    return Variable(key.strip().lower(), rest[1:-1] if comma and quoted else None)


def unfilled(template: Template, facts: Facts) -> tuple[str, ...]:
    """Return the keys (in lower case) that keep the template from being resolved."""
    found = [(part, facts.get(part.key)) for part in template if isinstance(part, Variable)]
    return tuple(
        part.key
        for part, values in found
        if not isinstance(values, Unknown) and len(values or ()) != 1 and (values or part.default is None)
    )


def resolve(template: Template, facts: Facts) -> tuple[Token, ...] | Unresolved | Unknown:
    """Return the template with the request's values in place, as literal text: a `*` in a value is no wildcard.

    Only a key with a single value can fill a variable. A missing key takes the default, else the template is
    Unresolved; a key that nobody can know makes it Unknown.
    """
    tokens: list[Token] = []
    unknown = False
    for part in template:
        if not isinstance(part, Variable):
            tokens.append(part)
            continue
        found = facts.get(part.key)
        if isinstance(found, Unknown):
            unknown = True
        elif found is not None and len(found) == 1:
            tokens.append(found[0])
        elif part.default is not None and not found:
            tokens.append(part.default)
        else:
            return Unresolved.MISSING
    return Unknown.KEY if unknown else tuple(tokens)
