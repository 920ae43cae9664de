"""The condition operators AWS knows, one row each: how a policy's value is made ready, and when it matches."""

from __future__ import annotations

import operator as compare
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from auditor.iam.glob import Glob, Token, compile_glob, split_tokens
from auditor.iam.values import Network, address, boolean, date, decoded, network, number
from auditor.iam.variables import literal

__all__ = ["OPERATORS", "Operator", "parse_operator"]

Prepare = Callable[[tuple[Token, ...]], Any]
Holds = Callable[[Any, str], bool]


@dataclass(frozen=True, slots=True)
class Operator:
    """A condition operator: `prepare` reads a policy's value (None: unfit), `holds` compares the request's with it.

    Negated operators carry the positive test; several policy values then mean "none of them". Where `reads` is given, a
    value of the request that it cannot read matches nothing, not even by negation.
    Source: IAM User Guide, reference_policies_elements_condition_operators.
    """

    name: str
    family: str
    prepare: Prepare
    holds: Holds
    negated: bool = False
    reads: Callable[[str], object] | None = None

    @property
    def variables(self) -> bool:
        """Policy variables are replaced in the values of string and ARN operators only."""
        return self.family in {"String", "Arn"}


def _lower(tokens: tuple[Token, ...]) -> str:
    return literal(tokens).casefold()


def _equal(wanted: str, found: str) -> bool:
    return wanted == found


def _equal_ignoring_case(wanted: str, found: str) -> bool:
    return wanted == found.casefold()


def _like(wanted: Glob, found: str) -> bool:
    return wanted.matches(found)


def _arn_pattern(tokens: tuple[Token, ...]) -> tuple[Glob, ...] | None:
    if literal(tokens) == "*":
        return ()
    parts = split_tokens(tokens, ":", 6)
    return tuple(compile_glob(part) for part in parts) if len(parts) == 6 else None


def _arn_like(wanted: tuple[Glob, ...], found: str) -> bool:
    """Compare the six parts one by one: a wildcard does not cross a colon of the first five."""
    parts = found.split(":", 5)
    return not wanted or (len(parts) == 6 and all(map(Glob.matches, wanted, parts)))


def _number(tokens: tuple[Token, ...]) -> Decimal | None:
    return number(literal(tokens))


def _date(tokens: tuple[Token, ...]) -> Decimal | None:
    return date(literal(tokens))


def _ordered(read: Callable[[str], Decimal | None], test: Callable[[Decimal, Decimal], bool]) -> Holds:
    def holds(wanted: Decimal, found: str) -> bool:
        value = read(found)
        return value is not None and test(value, wanted)

    return holds


def _bool(tokens: tuple[Token, ...]) -> bool | None:
    return boolean(literal(tokens))


def _same_bool(wanted: bool, found: str) -> bool:
    return boolean(found) is wanted


def _bytes(tokens: tuple[Token, ...]) -> bytes | None:
    return decoded(literal(tokens))


def _same_bytes(wanted: bytes, found: str) -> bool:
    """Compare with the request's bytes, given in base64 as the API carries them, or as the text itself."""
    return decoded(found) == wanted or found.encode("utf-8", "surrogatepass") == wanted


def _network(tokens: tuple[Token, ...]) -> Network | None:
    return network(literal(tokens))


def _inside(wanted: Network, found: str) -> bool:
    value = address(found)
    return value is not None and value.version == wanted.version and value in wanted


def _strings() -> list[Operator]:
    rows: list[tuple[str, str, Prepare, Holds]] = [
        ("StringEquals", "StringNotEquals", literal, _equal),
        ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", _lower, _equal_ignoring_case),
        ("StringLike", "StringNotLike", compile_glob, _like),
    ]
    return [
        Operator(name, "String", prepare, holds, negated)
        for positive, negative, prepare, holds in rows
        for name, negated in ((positive, False), (negative, True))
    ]


def _arns() -> list[Operator]:
    names = (("ArnEquals", False), ("ArnLike", False), ("ArnNotEquals", True), ("ArnNotLike", True))
    return [Operator(name, "Arn", _arn_pattern, _arn_like, negated) for name, negated in names]


def _comparisons(family: str, prepare: Prepare, read: Callable[[str], Decimal | None]) -> list[Operator]:
    tests = (
        ("Equals", False, compare.eq),
        ("NotEquals", True, compare.eq),
        ("LessThan", False, compare.lt),
        ("LessThanEquals", False, compare.le),
        ("GreaterThan", False, compare.gt),
        ("GreaterThanEquals", False, compare.ge),
    )
    return [
        Operator(family + name, family, prepare, _ordered(read, test), negated, read) for name, negated, test in tests
    ]


def _others() -> list[Operator]:
    return [
        Operator("Bool", "Bool", _bool, _same_bool),
        Operator("BinaryEquals", "Binary", _bytes, _same_bytes),
        Operator("Binary", "Binary", _bytes, _same_bytes),
        Operator("IpAddress", "IpAddress", _network, _inside),
        Operator("NotIpAddress", "IpAddress", _network, _inside, negated=True),
        Operator("Null", "Null", _bool, _same_bool),
    ]


OPERATORS: Mapping[str, Operator] = MappingProxyType(
    {
        row.name: row
        for row in [
            *_strings(),
            *_arns(),
            *_comparisons("Numeric", _number, number),
            *_comparisons("Date", _date, date),
            *_others(),
        ]
    }
)
_BY_LOWER = MappingProxyType({name.lower(): row for name, row in OPERATORS.items()})
_QUALIFIERS = MappingProxyType({"forallvalues:": "all", "foranyvalue:": "any"})


def parse_operator(text: str) -> tuple[Operator | None, str, bool]:
    """Return the operator, its set qualifier ("all", "any" or "") and whether IfExists ends it.

    The operator is None if AWS has no such operator; `NullIfExists` is one that AWS refuses.
    """
    lower = text.strip().lower()
    qualifier = ""
    for prefix, name in _QUALIFIERS.items():
        if lower.startswith(prefix):
            qualifier, lower = name, lower[len(prefix) :]
    if_exists = lower.endswith("ifexists")
    found = _BY_LOWER.get(lower[:-8] if if_exists else lower)
    if if_exists and found is not None and found.family == "Null":
        found = None
    return found, qualifier, if_exists
