"""Laws that hold for every policy: what may change a decision, and what may not."""

from __future__ import annotations

import json
from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from auditor.iam import (
    OPERATORS,
    Policies,
    Policy,
    PolicyError,
    Request,
    Unreadable,
    decide,
    evaluate,
    is_public,
    matches_resource,
    overbroad,
    principals,
    problems,
)
from auditor.iam.glob import glob

HOME, AWAY = "111122223333", "444455556666"
ROLE = f"arn:aws:iam::{HOME}:role/exporter"
CALLERS = [
    ROLE,
    f"arn:aws:sts::{HOME}:assumed-role/exporter/night",
    f"arn:aws:iam::{HOME}:user/ann",
    f"arn:aws:iam::{HOME}:root",
    f"arn:aws:sts::{HOME}:federated-user/f",
    "s3.amazonaws.com",
    "*",
]
KEYS = ["aws:SourceIp", "aws:username", "aws:PrincipalTag/team", "s3:prefix"]
VALUES = ["a", "b", "10.0.0.1", "10.0.0.0/8", "a*", "${aws:username}", "${aws:PrincipalTag/team, 'a'}"]
ALLOW_ALL = {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}
DENY_ALL = {**ALLOW_ALL, "Effect": "Deny"}

actions = st.sampled_from(["s3:GetObject", "s3:PutObject", "kms:Decrypt", "sts:AssumeRole"])
resources = st.sampled_from(
    [
        "arn:aws:s3:::orders/x",
        "arn:aws:s3:::orders",
        f"arn:aws:kms:us-east-1:{HOME}:key/k",
        f"arn:aws:kms:us-east-1:{AWAY}:key/k",
        f"arn:aws:iam::{HOME}:role/other",
    ]
)
patterns = st.sampled_from(["*", "arn:aws:s3:::orders/*", "arn:aws:s3:::${aws:username}/*", "arn:aws:kms:*:*:key/*"])
named = st.sampled_from([*CALLERS[:5], HOME, AWAY, "AROAEXAMPLEEXAMPLEEX"])
conditions = st.dictionaries(
    st.sampled_from(
        [*sorted(OPERATORS), "StringEqualsIfExists", "ForAllValues:StringLike", "ForAnyValue:StringNotLike"]
    ),
    st.dictionaries(st.sampled_from(KEYS), st.lists(st.sampled_from(VALUES), min_size=1, max_size=2), max_size=2),
    max_size=2,
)


effects = st.sampled_from(["Allow", "Deny"])


@st.composite
def statements(draw, effect=effects):
    made = {"Effect": draw(effect)}
    listed = st.lists(st.sampled_from(["*", "s3:*", "s3:Get*", "kms:Decrypt", "sts:*"]), min_size=1, max_size=2)
    made["NotAction" if draw(st.integers(0, 5)) == 0 else "Action"] = draw(listed)
    made["NotResource" if draw(st.integers(0, 5)) == 0 else "Resource"] = draw(
        st.lists(patterns, min_size=1, max_size=2)
    )
    who = st.one_of(st.just("*"), st.lists(named, min_size=1, max_size=3).map(lambda found: {"AWS": found}))
    made["NotPrincipal" if draw(st.integers(0, 5)) == 0 else "Principal"] = draw(who)
    made["Condition"] = draw(conditions)
    return made


bodies = st.lists(statements(), max_size=3)
unread = st.just(Unreadable("unread"))


def parsed(body):
    return body if isinstance(body, Unreadable) else Policy.parse({"Version": "2012-10-17", "Statement": body})


def policy_or(nothing):
    return st.one_of(nothing, unread, bodies.map(parsed))


levels = st.one_of(
    st.none(), st.lists(st.lists(policy_or(bodies.map(parsed)), max_size=2).map(tuple), max_size=2).map(tuple)
)
sets = st.builds(
    Policies,
    identity=st.lists(policy_or(bodies.map(parsed)), max_size=2).map(tuple),
    resource=policy_or(st.none()),
    boundary=policy_or(st.none()),
    session=st.lists(policy_or(bodies.map(parsed)), max_size=1).map(tuple),
    scps=levels,
    rcps=levels,
    endpoint=policy_or(st.none()),
    management_account=st.sampled_from(["", HOME]),
)
known_sets = st.builds(
    Policies,
    identity=st.lists(bodies.map(parsed), max_size=2).map(tuple),
    resource=st.one_of(st.none(), bodies.map(parsed)),
    boundary=st.one_of(st.none(), bodies.map(parsed)),
    session=st.lists(bodies.map(parsed), max_size=1).map(tuple),
)
requests = st.builds(
    Request,
    st.sampled_from(CALLERS),
    actions,
    resources,
    st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["a", "b", "10.0.0.1"])),
    unknowable=st.frozensets(st.sampled_from(KEYS), max_size=2),
    resource_account=st.sampled_from(["", HOME, AWAY]),
)
thorough = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
RANK = {"explicit_deny": 0, "implicit_deny": 0, "unknown": 1, "allowed": 2}


def add(policies, statement):
    return replace(policies, identity=(*policies.identity, parsed([statement])))


@thorough
@given(requests, sets, statements(effect=st.just("Deny")))
def test_adding_a_deny_never_grants(request, policies, statement):
    before, after = decide(request, policies).effect, decide(request, add(policies, statement)).effect
    assert RANK[after] <= RANK[before]


@thorough
@given(requests, sets, statements(effect=st.just("Allow")))
def test_adding_an_allow_never_takes_away(request, policies, statement):
    before, after = decide(request, policies).effect, decide(request, add(policies, statement)).effect
    assert RANK[after] >= RANK[before]
    assert before != "explicit_deny" or after == "explicit_deny"


@thorough
@given(requests, sets, bodies, statements(effect=st.just("Allow")))
def test_widening_the_resource_of_an_allow_never_takes_away(request, policies, body, statement):
    wide = {**statement, "Resource": "*"}
    wide.pop("NotResource", None)
    narrow_set = replace(policies, identity=(*policies.identity, parsed([*body, statement])))
    wide_set = replace(policies, identity=(*policies.identity, parsed([*body, wide])))
    assert RANK[decide(request, wide_set).effect] >= RANK[decide(request, narrow_set).effect]


@thorough
@given(requests, sets)
def test_a_deny_of_everything_is_final(request, policies):
    assume(request.caller.kind in {"role", "session", "user"})
    assert decide(request, add(policies, DENY_ALL)).effect == "explicit_deny"


def scalar(value):
    if isinstance(value, list) and len(value) == 1:
        return value[0]
    return {key: scalar(item) for key, item in value.items()} if isinstance(value, dict) else value


def turned(value):
    if isinstance(value, list):
        return [turned(item) for item in reversed(value)]
    return {key: turned(value[key]) for key in reversed(value)} if isinstance(value, dict) else value


@thorough
@given(requests, bodies, bodies)
def test_order_and_shape_of_a_document_do_not_matter(request, identity, resource):
    def answer(change):
        found = [{"Version": "2012-10-17", "Statement": change(body)} for body in (identity, resource)]
        return decide(request, Policies.of([json.dumps(found[0])], found[1])).effect

    assert answer(lambda body: body) == answer(turned) == answer(lambda body: [scalar(item) for item in body])


@thorough
@given(requests, known_sets, bodies, bodies)
def test_an_unread_policy_stands_between_everything_it_could_be(request, policies, identity, resource):
    unread = replace(policies, identity=(*policies.identity, Unreadable("x")), resource=Unreadable("y"))
    before = decide(request, unread).effect
    for own in (identity, [], [ALLOW_ALL], [DENY_ALL]):
        for other in (resource, [], [ALLOW_ALL], [DENY_ALL]):
            read = replace(policies, identity=(*policies.identity, parsed(own)), resource=parsed(other))
            refines(before, decide(request, read).effect)


@thorough
@given(requests, known_sets, st.sampled_from(KEYS), st.one_of(st.none(), st.sampled_from(["a", "b", "10.0.0.1", ""])))
def test_an_unknowable_key_stands_between_everything_it_could_be(request, policies, key, value):
    bare = {name: found for name, found in request.context.items() if name != key}
    before = replace(request, context=bare, unknowable=request.unknowable | {key})
    known = {} if value is None else {key: value}
    absent = frozenset({key} if value is None else ())
    after = replace(request, context={**bare, **known}, unknowable=request.unknowable - {key}, absent=absent)
    refines(decide(before, policies).effect, decide(after, policies).effect)


mixed = st.sampled_from(
    [*VALUES, "10", "11", "true", "2026-01-01", "arn:aws:s3:::b", "*", "", "QmluYXJ5", "${k:x}", "${k:y, 'a'}", "${*}"]
)
spelled = st.builds(
    "{}{}{}".format,
    st.sampled_from(["", "ForAllValues:", "ForAnyValue:"]),
    st.sampled_from(sorted(OPERATORS)),
    st.sampled_from(["", "IfExists"]),
)


@settings(max_examples=1000, deadline=None)
@given(
    spelled,
    st.lists(mixed, max_size=3),
    st.one_of(st.none(), mixed, st.lists(mixed, max_size=2)),
    st.one_of(st.none(), mixed),
)
def test_a_condition_with_unknowable_keys_is_never_wrong(operator, values, found, other):
    known = {key: value for key, value in {"k:k": found, "k:x": other}.items() if value is not None}
    truth = evaluate(operator, "k:k", values, known)
    for unknowable in ({"k:k"}, {"k:x"}, {"k:k", "k:x"}):
        rest = {key: value for key, value in known.items() if key not in unknowable}
        assert evaluate(operator, "k:k", values, rest, unknowable=unknowable) in {None, truth}


def refines(before, after):
    """What was certain stays so when more is known; a refusal may turn out to be one in words."""
    if before == "implicit_deny":
        assert after in {"implicit_deny", "explicit_deny"}
    elif before != "unknown":
        assert after == before


@thorough
@given(requests, sets)
def test_every_decision_gives_its_reasons(request, policies):
    decision = decide(request, policies)
    assert decision.by
    assert decision.explain
    assert decision.explain_ja


@thorough
@given(
    st.text("ab*?", max_size=8),
    st.text("ab", max_size=10),
)
def test_wildcards_mean_what_they_say(pattern, text):
    def slow(left, right):
        if not left:
            return not right
        if left[0] == "*":
            return slow(left[1:], right) or (bool(right) and slow(left, right[1:]))
        return bool(right) and left[0] in {"?", right[0]} and slow(left[1:], right[1:])

    assert glob(pattern).matches(text) is slow(pattern, text)


def test_tangled_patterns_stay_linear():
    text = "a" * 200_000
    assert glob("*a" * 5_000 + "*b").matches(text) is False
    assert glob("*?a" * 50 + "*b*").matches(text) is False
    assert glob("a?" * 2_000 + "*").matches(text) is True
    assert matches_resource("arn:aws:s3:::" + "*a" * 5_000 + "b", "arn:aws:s3:::" + text) is False


def test_ten_thousand_statements():
    body = [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::bucket-{number}/*"}
        for number in range(10_000)
    ]
    policies = Policies.of([{"Version": "2012-10-17", "Statement": body}])
    assert decide(Request(ROLE, "s3:GetObject", "arn:aws:s3:::bucket-9999/x"), policies).effect == "allowed"
    missed = decide(Request(ROLE, "s3:GetObject", "arn:aws:s3:::bucket/x"), policies)
    assert missed.effect == "implicit_deny"
    assert "s3:GetObject" in missed.explain


words = st.sampled_from(
    ["Version", "Statement", "Effect", "Action", "NotAction", "Resource", "Principal", "AWS", "Condition", "Sid"]
)
texts = st.one_of(st.text(max_size=12), st.sampled_from(["2012-10-17", "Allow", "Deny", "*", "s3:*", "StringEquals"]))
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), texts)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(words, st.text(max_size=5)), inner, max_size=4)
    ),
    max_leaves=20,
)


@thorough
@given(documents)
def test_no_document_crashes_the_parser(document):
    nearly = {"Version": "2012-10-17", "Statement": document}
    one = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": document, "Resource": "*"}}
    for candidate in (document, nearly, one, json.dumps(document), json.dumps(nearly)):
        try:
            found = Policy.parse(candidate, "fuzzed")
        except PolicyError as error:
            assert str(error).startswith("fuzzed: ")
            assert error.problem
            assert len(problems(candidate)) == 1
        else:
            decide(Request(ROLE, "s3:GetObject", "arn:aws:s3:::b/x"), Policies(identity=(found,), resource=found))
            is_public(found)
            overbroad(found)
            principals(found)
            problems(candidate, "resource")


@thorough
@given(st.one_of(st.text(max_size=20), st.sampled_from(sorted(OPERATORS))), texts, documents)
def test_no_condition_crashes(operator, key, value):
    values = value if isinstance(value, list) else [value]
    for context in ({}, {key: "x"}, {key: ["x", "y"]}, {key: str(value)}):
        assert evaluate(operator, key, [str(item) for item in values], context) in {True, False, None}


@thorough
@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=60))
def test_no_request_crashes(principal, action, resource):
    decision = decide(
        Request(principal, action, resource), Policies.of([{"Statement": [ALLOW_ALL]}], {"Statement": DENY_ALL})
    )
    assert decision.effect in RANK
    assert decision.explain
