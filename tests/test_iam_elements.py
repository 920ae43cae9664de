"""Condition operators, variables, and the matching of actions, resources and principals, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from auditor.iam import OPERATORS, evaluate, matches_action, matches_principal, matches_resource

FOLDER = Path(__file__).parent / "iam"
KEY = "test:key"


def rows(name):
    table = yaml.safe_load((FOLDER / name).read_text("utf-8"))
    return [pytest.param(title, row, id=f"{title}: {row}") for title, listed in table.items() for row in listed]


def kleene(expected):
    return None if expected == "unknown" else expected


@pytest.mark.parametrize(("title", "row"), rows("operators.yaml"))
def test_operator(title, row):
    operator, values, found, expected = row
    context = {} if found is None else {KEY: found}
    assert evaluate(operator, KEY, values, context) is kleene(expected)


@pytest.mark.parametrize(("title", "row"), rows("operators.yaml"))
def test_a_list_of_one_is_a_scalar_and_keys_have_no_case(title, row):
    operator, values, found, expected = row
    context = {} if found is None else {KEY.upper(): found if isinstance(found, list) else [found]}
    listed = values if isinstance(values, list) else [values]
    assert evaluate(operator, "Test:Key", listed[::-1], context) is kleene(expected)


@pytest.mark.parametrize(("title", "row"), rows("variables.yaml"))
def test_variable(title, row):
    operator, values, found, context, expected = row
    if operator == "resource":
        assert matches_resource(values, found, context) is kleene(expected)
    else:
        known = {**context, **({} if found is None else {KEY: found})}
        assert evaluate(operator, KEY, values, known) is kleene(expected)


@pytest.mark.parametrize(
    ("operator", "value", "found", "expected"),
    [
        ("StringEquals", "${aws:username}", "${aws:username}", True),
        ("StringEquals", "${aws:username}", "ann", False),
        ("StringLike", "a${*}", "a${bcd}", True),
        ("StringLike", "a${*}", "a*", False),
    ],
)
def test_old_policies_have_no_variables(operator, value, found, expected):
    context = {KEY: found, "aws:username": "ann"}
    assert evaluate(operator, KEY, value, context, variables=False) is expected


@pytest.mark.parametrize(("title", "row"), rows("matching.yaml"))
def test_matching(title, row):
    element, asked, expected = row
    matches = {"action": matches_action, "resource": matches_resource, "principal": matches_principal}[title]
    assert matches(element, asked) is kleene(expected)


def test_unknowable_keys_make_unknown_only_what_hangs_on_them():
    unknowable = frozenset({KEY})
    assert evaluate("StringEquals", KEY, "a", {}, unknowable=unknowable) is None
    assert evaluate("StringNotEquals", KEY, "a", {}, unknowable=unknowable) is None
    assert evaluate("Null", KEY, "true", {}, unknowable=unknowable) is None
    assert evaluate("Null", KEY, ["true", "false"], {}, unknowable=unknowable) is True
    assert evaluate("NumericEquals", KEY, "no number", {}, unknowable=unknowable) is False
    assert evaluate("StringEquals", KEY, "${aws:userid}", {KEY: "x"}, unknowable={"AWS:UserId"}) is None
    assert evaluate("StringEquals", KEY, ["x", "${aws:userid}"], {KEY: "x"}, unknowable={"aws:userid"}) is True
    assert evaluate("StringNotEquals", KEY, ["x", "${aws:userid}"], {KEY: "x"}, unknowable={"aws:*"}) is False


def test_the_table_has_every_operator_of_the_iam_user_guide():
    strings = {f"String{verb}" for verb in ("Equals", "NotEquals", "EqualsIgnoreCase", "NotEqualsIgnoreCase")}
    ordered = ("Equals", "NotEquals", "LessThan", "LessThanEquals", "GreaterThan", "GreaterThanEquals")
    compared = {family + verb for family in ("Numeric", "Date") for verb in ordered}
    arns = {"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}
    others = {"StringLike", "StringNotLike", "Bool", "BinaryEquals", "IpAddress", "NotIpAddress", "Null"}
    assert strings | compared | arns | others <= set(OPERATORS)
