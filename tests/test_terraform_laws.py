"""Laws of plans: whatever stands in one, reading ends; and knowing less never turns a verdict around."""

from __future__ import annotations

import copy
import functools
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from auditor.engine import evaluate
from auditor.errors import SourceError
from auditor.kinds import KINDS
from auditor.kinds.terraform import ATTACHED, SPELLINGS
from auditor.model import NODES, Account, Node, Pipeline
from auditor.pipeline import parse
from auditor.predicates import PREDICATES
from auditor.rulebook import load as load_rules
from auditor.rulebook import wanted_facets
from auditor.sources import terraform
from auditor.sources.terraform_evaluation import Scope, unread
from auditor.sources.terraform_evaluation import evaluate as value_of
from auditor.sources.terraform_language import NotUnderstoodError
from auditor.sources.terraform_language import parse as parse_file
from auditor.sources.terraform_syntax import parse as parse_expression
from tests.plans.orders import PIPELINE, stack
from tests.test_terraform_gate import FAULTS

OPTIONS = SimpleNamespace(terraform_dir="")
ACCOUNT = Account("production", "111122223333", "ap-northeast-1")
WORDS = st.sampled_from(
    ["Enabled", "Disabled", "exports/", "orders-export", "arn:aws:s3:::x", "7", "true", "", "{}", "*", "key/x"]
)
SCALARS = WORDS | st.integers(-5, 500) | st.booleans() | st.none() | st.text(max_size=8)
FIELDS = st.sampled_from(
    [
        *("bucket", "rule", "rules", "status", "id", "prefix", "filter", "and", "tag", "tags", "destination", "role"),
        *(
            "versioning_configuration",
            "expiration",
            "days",
            "transition",
            "lambda_function",
            "events",
            "policy",
            "name",
        ),
        *(
            "apply_server_side_encryption_by_default",
            "sse_algorithm",
            "kms_master_key_id",
            "enabled",
            "statement",
            "arn",
        ),
        *("point_in_time_recovery", "replica", "inline_policy", "managed_policy_arns", "storage_descriptor", "region"),
        *("object_ownership", "default_retention", "metrics", "replication_time", "minutes", "filter_prefix", "roles"),
    ]
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4), max_leaves=15
)
MASKS = st.recursive(
    st.booleans(), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(FIELDS, inner, max_size=4), max_leaves=8
)
REFERENCES = st.lists(
    st.sampled_from(["aws_it.a.arn", "aws_it.a", "var.x", "local.y", "each.value", "module.m.out", "data.x.y.json", 'a.b["c"].d', "."]),
    max_size=3,
).map(lambda names: {"references": names})  # fmt: skip
EXPRESSIONS = st.dictionaries(
    FIELDS, REFERENCES | VALUES.map(lambda value: {"constant_value": value}) | VALUES, max_size=4
)


@st.composite
def plans(draw):
    """Return a kind and a plan with a resource of it, with anything in it, and with others that may add to it."""
    kind = draw(st.sampled_from(sorted(SPELLINGS)))
    types = [draw(st.sampled_from(SPELLINGS[kind].types)), *(one for one in ATTACHED if ATTACHED[one][0] == kind)]
    changes, blocks = [], []
    for type_ in types:
        said = draw(st.dictionaries(FIELDS, VALUES, max_size=5))
        if type_ in ATTACHED and draw(st.booleans()):
            said[ATTACHED[type_][1]] = draw(
                st.sampled_from(["orders-export", ["orders-export"], "arn:aws:iam::1:role/orders-export"])
            )
        said |= draw(
            st.sampled_from(
                [{}, {"bucket": "orders-export", "name": "orders-export", "function_name": "orders-export"}]
            )
        )
        change = {
            "actions": draw(st.sampled_from([["create"], ["no-op"], ["delete", "create"], ["delete"], ["update"], []])),
            "before": said,
            "after": said,
            "after_unknown": draw(st.dictionaries(FIELDS, MASKS, max_size=4) | st.booleans()),
            "after_sensitive": draw(st.dictionaries(FIELDS, MASKS, max_size=2) | st.booleans()),
        }
        head = {"address": f"{type_}.a", "mode": "managed", "type": type_, "name": "a"}
        changes.append({**head, "change": change})
        blocks.append({**head, "provider_config_key": "aws", "expressions": draw(EXPRESSIONS)})
    plan = {
        "format_version": "1.2",
        "resource_changes": changes,
        "configuration": {"root_module": {"resources": blocks}},
    }
    return kind, types[0], plan


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(plans())
def test_whatever_stands_in_a_plan_reading_ends(case):
    kind, type_, plan = case
    place = next(node for node, kinds in NODES.items() if kind in kinds)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        file.write_text(json.dumps(plan))
        for node in (
            Node(place, kind, ACCOUNT, "orders-export"),
            Node(place, kind, ACCOUNT, "", {}, {"terraform": f"{type_}.a"}),
        ):
            needs = {"one": [(place, facet) for facet in KINDS[kind].facets]}
            (made,) = terraform.read([Pipeline("one", {place: node})], needs, file, OPTIONS)
            one = made.resources[place]
            assert set(one.facets) | set(one.unread) == set(KINDS[kind].facets)
        terraform.propose(file, OPTIONS)


JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
PARTS = (
    "planned_values",
    "resource_changes",
    "configuration",
    "prior_state",
    "values",
    "variables",
    "deferred_changes",
)


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(PARTS), JSON, max_size=4), st.sampled_from(["0.1", "1.0", "1.2"]))
def test_a_garbled_plan_is_a_sentence(parts, version):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        file.write_text(json.dumps({"format_version": version, **parts}))
        try:
            terraform.everything(file, OPTIONS)
        except SourceError as error:
            (mistake,) = error.mistakes
            assert mistake.place.file == str(file)
            assert mistake.sentence


@functools.cache
def book():
    rules = load_rules()
    (one,) = parse(PIPELINE, "pipeline.yaml")
    return one, rules, {"orders": wanted_facets(rules, one)}


def verdicts(plan):
    one, rules, needs = book()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plan.json"
        file.write_text(json.dumps(plan))
        (made,) = terraform.read([one], needs, file, OPTIONS)
    return {(one.rule, one.node): one.verdict.value for one in evaluate(made, rules, PREDICATES)}


def leaves(value, path=()):
    if isinstance(value, dict):
        for name, part in value.items():
            yield from leaves(part, (*path, name))
            yield (*path, name)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from leaves(part, (*path, index))


@functools.cache
def known(name):
    plan = stack().changed(FAULTS[name][0] if name else {}).plan()
    return (
        plan,
        verdicts(plan),
        [
            (index, path)
            for index, one in enumerate(plan["resource_changes"])
            for path in leaves(one["change"]["after"])
        ],
    )


def mask(plan, index, path, sort):
    """Mark a part of a plan as known only after apply, or as sensitive."""
    change = plan["resource_changes"][index]["change"]
    whole = change[sort] = copy.deepcopy(change[sort]) if isinstance(change[sort], dict) else {}
    value, marks = change["after"], whole
    for step, following in zip(path, (*path[1:], None), strict=True):
        value = value[step]
        if following is None:
            inner = True
        elif isinstance(value, list):
            inner = (
                marks[step] if isinstance(marks, dict) and isinstance(marks.get(step), list) else [{} for _ in value]
            )
        else:
            inner = marks[step] if isinstance(marks, dict) and isinstance(marks.get(step), dict) else {}
        if isinstance(marks, list):
            inner = (
                True
                if following is None
                else marks[step]
                if isinstance(marks[step], type(inner)) and marks[step]
                else inner
            )
        marks[step] = inner
        if inner is True:
            return
        marks = inner


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_knowing_less_never_turns_a_verdict_around(data):
    name = data.draw(st.sampled_from(["", *FAULTS]))
    plan, before, places = known(name)
    plan = json.loads(json.dumps(plan))
    for _ in range(data.draw(st.integers(1, 4))):
        index, path = data.draw(st.sampled_from(places))
        mask(plan, index, path, data.draw(st.sampled_from(["after_unknown", "after_sensitive"])))
    for key, verdict in verdicts(plan).items():
        if verdict in {"pass", "fail"}:
            assert before[key] in {verdict, "not_applicable"}, (name, key, verdict, before[key])


SYNTAX = st.text('ab_1 .[]{}()"$%=,:?!<>&|+-*/\n~\\#', max_size=40)


@settings(max_examples=500, deadline=None)
@given(SYNTAX)
def test_whatever_is_written_parsing_ends(text):
    for read in (parse_file, parse_expression):
        try:
            made = read(text)
        except NotUnderstoodError:
            continue
        if read is parse_expression:
            value_of(made, Scope(unread))


@pytest.mark.parametrize("text", ["[" * 5000, "{a=" * 3000, '"${' * 2000, "-" * 5000 + "1", "x ? " * 3000])
def test_what_is_nested_too_deep_is_not_followed(text):
    for read in (parse_file, parse_expression):
        with pytest.raises((NotUnderstoodError, RecursionError)):
            read(text)
