"""Edits: the cases beside this file, and laws that hold whatever the document is."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from auditor.edits import EDITS
from auditor.edits.documents import DOCUMENTS
from auditor.edits.lifecycle import LIFECYCLE
from auditor.edits.notifications import NOTIFICATIONS
from auditor.edits.policies import POLICIES
from auditor.edits.replication import REPLICATION
from auditor.edits.statements import covers, missing
from auditor.errors import Refused
from auditor.model import Pipeline, Snapshot
from auditor.scope import Scope

HERE = Path(__file__).parent / "edits"
CASES = [
    pytest.param(case, id=f"{file.stem}: {case['name']}")
    for file in sorted(HERE.glob("*.yaml"))
    for case in yaml.safe_load(file.read_text(encoding="utf-8"))
]
NOWHERE = Scope(Snapshot(Pipeline("p", {}), {}), "source_bucket")


def apply(name, document, wanted):
    return EDITS[name].apply(document, wanted, NOWHERE)


@pytest.mark.parametrize("case", CASES)
def test_case(case):
    document, wanted = case["document"], case["wanted"]
    kept = copy.deepcopy((document, wanted))
    if "refused" in case:
        with pytest.raises(Refused) as refusal:
            apply(case["edit"], document, wanted)
        assert refusal.value.reason == case["refused"]
        assert refusal.value.sentence.endswith(".")
    else:
        once = apply(case["edit"], document, wanted)
        assert json.dumps(once) == json.dumps(case["expect"]), "keys and items in this order"
        assert apply(case["edit"], copy.deepcopy(once), wanted) == once, "twice is once"
    assert (document, wanted) == kept, "the old document is not touched"


@pytest.mark.parametrize("case", CASES)
def test_the_schema_takes_what_the_cases_say(case):
    if case.get("refused") != "Manual" and None not in _leaves(case["wanted"]):
        Draft202012Validator(EDITS[case["edit"]].schema).validate(case["wanted"])


def _leaves(value):
    if isinstance(value, dict):
        return [leaf for part in value.values() for leaf in _leaves(part)]
    if isinstance(value, list):
        return [leaf for part in value for leaf in _leaves(part)]
    return [value]


@pytest.mark.parametrize("row", EDITS.values(), ids=EDITS)
def test_a_row_explains_itself(row):
    Draft202012Validator.check_schema(row.schema)
    (edit,) = [{key: value for key, value in yaml.safe_load(row.example).items() if key not in {"facet", "node"}}]
    assert list(edit) == [row.name]
    errors = Draft202012Validator(row.schema).iter_errors(edit[row.name])
    assert [error for error in errors if "${" not in str(error.instance)] == []
    assert row.doc.en.endswith(".") and row.doc.ja.endswith("。")


def test_every_edit_has_a_case():
    families = (DOCUMENTS, POLICIES, NOTIFICATIONS, REPLICATION, LIFECYCLE)
    assert {param.values[0]["edit"] for param in CASES} >= {row.name for family in families for row in family}


# --- laws -----------------------------------------------------------------------------------------------------------

words = st.sampled_from(["Status", "Rules", "ID", "Filter", "Prefix", "Enabled", "x", "y"])
plain = st.recursive(
    st.one_of(st.text(max_size=5), st.integers(0, 50), st.booleans()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)
documents = st.one_of(st.none(), st.dictionaries(words, plain, max_size=5))

buckets = st.sampled_from(["arn:aws:s3:::a", "arn:aws:s3:::b"])
prefixes = st.sampled_from(["", "exports/", "exports/AWSDynamoDB/", "exports/AWSDynamoDB/01/", "logs/"])
states = st.sampled_from(["Enabled", "Disabled"])


@st.composite
def replications(draw):
    """Whole configurations: all rules V1 (disjoint prefixes), or all V2 with unique priorities."""
    if draw(st.booleans()):
        heads = draw(st.lists(st.sampled_from(["exports/", "logs/", "x/"]), unique=True, min_size=1))
        rules = [
            {"ID": f"r{i}", "Prefix": head, "Status": draw(states), "Destination": {"Bucket": draw(buckets)}}
            for i, head in enumerate(heads)
        ]
    else:
        numbers = draw(st.lists(st.integers(0, 9), unique=True, min_size=1, max_size=4))
        rules = [
            {
                "ID": f"r{number}",
                "Priority": number,
                "Filter": draw(
                    st.one_of(
                        st.builds(lambda p: {"Prefix": p}, prefixes),
                        st.builds(lambda p: {"And": {"Prefix": p, "Tags": [{"Key": "k", "Value": "v"}]}}, prefixes),
                        st.just({}),
                    )
                ),
                "Status": draw(states),
                "DeleteMarkerReplication": {"Status": "Disabled"},
                "Destination": {"Bucket": draw(buckets), "StorageClass": "STANDARD"},
            }
            for number in numbers
        ]
    return draw(st.sampled_from([None, {"Role": "r", "Rules": rules}]))


@st.composite
def notifications(draw):
    """Documents that S3 would have accepted: no two entries share an event and an area."""
    lists = {
        "LambdaFunctionConfigurations": ("LambdaFunctionArn", "arn:aws:lambda:x:1:function:f"),
        "QueueConfigurations": ("QueueArn", "arn:aws:sqs:x:1:q"),
    }
    document = {}
    heads = draw(st.lists(st.sampled_from(["exports/", "logs/", "x/"]), unique=True, max_size=3))
    for head in heads:
        where = draw(st.sampled_from(sorted(lists)))
        key, arn = lists[where]
        events = draw(
            st.lists(
                st.sampled_from(["s3:ObjectCreated:Put", "s3:ObjectCreated:*", "s3:ObjectRemoved:*"]),
                min_size=1,
                unique=True,
            )
        )
        entry = {
            "Id": head,
            key: arn,
            "Events": events,
            "Filter": {"Key": {"FilterRules": [{"Name": "Prefix", "Value": head}]}},
        }
        document.setdefault(where, []).append(entry)
    if draw(st.booleans()):
        document["EventBridgeConfiguration"] = {}
    return document


statements = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.sampled_from(["s3:*", "s3:Get*", ["s3:GetObject", "s3:PutObject"], "s3:ListBucket"]),
        "Resource": st.sampled_from(["*", "arn:aws:s3:::a", ["arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]]),
        "Principal": st.sampled_from(["*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::1:role/r", "arn:aws:iam::2:role/s"]}]),
    },
    optional={
        "Sid": st.sampled_from(["Mine", "Theirs"]),
        "Condition": st.just({"Bool": {"aws:SecureTransport": "true"}}),
    },
)
policies = st.one_of(
    st.none(),
    st.fixed_dictionaries(
        {
            "Version": st.sampled_from(["2012-10-17", "2008-10-17"]),
            "Statement": st.one_of(statements, st.lists(statements, max_size=4)),
        },
        optional={"Id": st.just("kept")},
    ),
)
grants = st.fixed_dictionaries(
    {
        "Sid": st.sampled_from(["Mine", "AuditorA"]),
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.lists(st.sampled_from(["s3:GetObject", "s3:PutObject", "s3:ListBucket"]), min_size=1, unique=True),
        "Resource": st.lists(
            st.sampled_from(["arn:aws:s3:::a", "arn:aws:s3:::a/*", "arn:aws:s3:::b/*"]), min_size=1, unique=True
        ),
        "Principal": st.sampled_from(["*", {"AWS": "arn:aws:iam::1:role/r"}]),
    }
)

rules = st.builds(
    lambda where, prefix: {"destination": where, "prefix": prefix},
    buckets,
    prefixes.filter(lambda prefix: prefix != ""),
)
wishes = st.one_of(
    st.tuples(st.just("merge"), documents, st.dictionaries(words, plain, min_size=1, max_size=3)),
    st.tuples(st.just("raise_to"), documents, st.dictionaries(words, st.integers(0, 50), min_size=1, max_size=3)),
    st.tuples(
        st.just("put_item"),
        documents,
        st.builds(
            lambda key, item: {"list": "Rules", "key": key, "item": item},
            words,
            st.dictionaries(words, plain, min_size=1),
        ),
    ),
    st.tuples(
        st.just("set_in"),
        documents,
        st.builds(
            lambda a, b: {"list": "Rules", "where": a, "set": b},
            st.dictionaries(words, plain),
            st.dictionaries(words, plain, min_size=1),
        ),
    ),
    st.tuples(
        st.just("drop_item"),
        documents,
        st.builds(lambda a: {"list": "Rules", "where": a}, st.dictionaries(words, plain, min_size=1)),
    ),
    st.tuples(
        st.just("put_statements"),
        policies,
        st.builds(lambda a: {"statements": a}, st.lists(grants, min_size=1, max_size=3)),
    ),
    st.tuples(st.just("drop_statements"), policies, st.just({"sids": ["Mine"]})),
    st.tuples(
        st.sampled_from(["add_events", "widen_filter"]),
        notifications(),
        st.builds(
            lambda to, prefix: {"to": to, "events": ["s3:ObjectCreated:CompleteMultipartUpload"], "prefix": prefix},
            st.sampled_from(["arn:aws:lambda:x:1:function:f", "arn:aws:sqs:x:1:q", "arn:aws:sns:x:1:t"]),
            prefixes,
        ),
    ),
    st.tuples(
        st.just("amend_replication_rule"),
        replications(),
        rules.map(lambda rule: {**rule, "set": {"Destination": {"Metrics": {"Status": "Enabled"}}}}),
    ),
    st.tuples(st.just("add_replication_rule"), replications(), rules.map(lambda rule: {**rule, "role": "r"})),
    st.tuples(st.just("widen_replication_rule"), replications(), rules),
)


@settings(deadline=None)
@given(wishes)
def test_an_edit_is_pure_and_done_twice_is_done_once(wish):
    name, document, wanted = wish
    kept = copy.deepcopy((document, wanted))
    try:
        once = apply(name, document, wanted)
    except Refused:
        assert (document, wanted) == kept
        return
    assert (document, wanted) == kept
    assert apply(name, once, wanted) == once


@settings(deadline=None)
@given(documents, st.dictionaries(words, plain, min_size=1, max_size=3))
def test_merge_keeps_everything_it_does_not_name(document, wanted):
    try:
        after = apply("merge", document, wanted)
    except Refused:
        return
    before = document or {}
    assert [key for key in after if key in before] == list(before), "in the old order"
    assert all(json.dumps(after[key]) == json.dumps(before[key]) for key in before if key not in wanted)


@settings(deadline=None)
@given(policies, st.lists(grants, min_size=1, max_size=3))
def test_statements_of_others_stay_as_they_are(document, wanted):
    after = apply("put_statements", document, {"statements": wanted})
    held = _list((document or {}).get("Statement"))
    own = {"Mine", "AuditorA"}
    for old, new in zip(held, _list(after.get("Statement") if after else None), strict=False):
        if old.get("Sid") not in own:
            assert json.dumps(old) == json.dumps(new)
        else:
            assert {key: new.get(key) for key in ("Effect", "Principal", "Condition")} == {
                key: old.get(key) for key in ("Effect", "Principal", "Condition")
            }
    assert {k: v for k, v in (after or {}).items() if k not in {"Statement", "Version"}} == {
        k: v for k, v in (document or {}).items() if k not in {"Statement", "Version"}
    }


@settings(deadline=None)
@given(policies, st.lists(grants, min_size=1, max_size=3))
def test_afterwards_the_statements_give_what_was_wanted_and_nothing_more(document, wanted):
    after = apply("put_statements", document, {"statements": wanted})
    held = _list(after.get("Statement"))
    assert all(missing(one, held) == ([], []) for one in wanted)
    before = _grants(_list((document or {}).get("Statement")))
    allowed = _grants(wanted)
    assert _grants(held) <= before | allowed


def _grants(held):
    return {
        (one["Effect"], json.dumps(one.get("Principal")), json.dumps(one.get("Condition")), action, resource)
        for one in held
        for action in _list(one["Action"])
        for resource in _list(one["Resource"])
    }


def _list(value):
    return [] if value is None else value if isinstance(value, list) else [value]


@settings(deadline=None)
@given(
    st.text("ab*?", max_size=5),
    st.text("ab*?", max_size=5),
    st.lists(st.text("ab", max_size=3), min_size=3, max_size=3),
)
def test_a_pattern_that_covers_another_fits_all_it_stands_for(pattern, other, fillings):
    if covers(pattern, other):
        for filling in fillings:
            text = "".join(filling if sign == "*" else (filling or "a")[0] if sign == "?" else sign for sign in other)
            assert covers(pattern, text)


@settings(deadline=None)
@given(notifications(), prefixes, st.sampled_from(["add_events", "widen_filter"]))
def test_a_notification_that_comes_out_is_one_that_s3_accepts(document, prefix, name):
    wanted = {"to": "arn:aws:sns:x:1:t", "events": ["s3:ObjectCreated:CompleteMultipartUpload"], "prefix": prefix}
    try:
        after = apply(name, document, wanted)
    except Refused as refusal:
        assert refusal.reason == "WouldOverlap"
        return
    entries = [entry for key, value in after.items() if key.endswith("Configurations") for entry in value]
    for index, one in enumerate(entries):
        for two in entries[index + 1 :]:
            shared = any(
                a == b or (a.endswith("*") and b.startswith(a[:-1])) or (b.endswith("*") and a.startswith(b[:-1]))
                for a in one["Events"]
                for b in two["Events"]
            )
            heads = [
                entry.get("Filter", {}).get("Key", {}).get("FilterRules", [{"Value": ""}])[0]["Value"]
                for entry in (one, two)
            ]
            assert not shared or not (heads[0].startswith(heads[1]) or heads[1].startswith(heads[0]))
    assert after.get("EventBridgeConfiguration") == document.get("EventBridgeConfiguration")


@settings(deadline=None)
@given(replications(), rules)
def test_a_new_replication_rule_takes_no_object_from_another(document, where):
    try:
        after = apply("add_replication_rule", document, {**where, "role": "r"})
    except Refused:
        return
    priorities = [rule["Priority"] for rule in after["Rules"] if "Priority" in rule]
    assert len(priorities) == len(set(priorities))
    assert len({"Filter" in rule for rule in after["Rules"]}) == 1, "all V1 or all V2"
    added = [rule for rule in after["Rules"] if rule["ID"].startswith("auditor-")]
    for rule in added:
        narrower = [
            other
            for other in after["Rules"]
            if other is not rule
            and other["Destination"]["Bucket"] == rule["Destination"]["Bucket"]
            and _prefix(other).startswith(rule["Filter"]["Prefix"])
        ]
        assert all(other["Priority"] > rule["Priority"] for other in narrower)


def _prefix(rule):
    filters = rule["Filter"]
    return filters.get("Prefix", filters.get("And", {}).get("Prefix", ""))


@pytest.mark.parametrize(
    ("action", "size", "fits"),
    [
        ("s3:GetObject", 20_000, True),
        ("s3:GetObject", 20_480, False),
        ("sqs:SendMessage", 8_192, False),
        ("sns:Publish", 20_480, True),
        ("sns:Publish", 30_720, False),
        ("kms:Decrypt", 30_720, True),
        ("kms:Decrypt", 32_768, False),
        ("sts:AssumeRole", 1_800, True),
        ("sts:AssumeRole", 2_048, False),
    ],
)
def test_a_policy_that_aws_has_no_room_for_is_refused(action, size, fits):
    filler = {"Sid": "x" * size, "Effect": "Deny", "Principal": "*", "Action": "none:None", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [filler]}
    filler["Sid"] = "x" * (2 * size - len(json.dumps(document, separators=(",", ":"))))
    wanted = {
        "statements": [{"Sid": "A", "Effect": "Allow", "Principal": {"AWS": "1"}, "Action": action, "Resource": "r"}]
    }
    if fits:
        assert len(apply("put_statements", document, wanted)["Statement"]) == 2
    else:
        with pytest.raises(Refused) as refusal:
            apply("put_statements", document, wanted)
        assert refusal.value.reason == "TooLarge"


def test_a_trust_policy_longer_than_the_default_proves_a_raised_quota():
    filler = {"Sid": "x" * 2_500, "Effect": "Allow", "Principal": {"Service": "x"}, "Action": "sts:AssumeRole"}
    wanted = {
        "statements": [{"Sid": "A", "Effect": "Allow", "Principal": {"Service": "y"}, "Action": "sts:AssumeRole"}]
    }
    assert len(apply("put_statements", {"Version": "2012-10-17", "Statement": filler}, wanted)["Statement"]) == 2


def test_the_inline_policies_of_a_role_share_one_quota():
    statement = {"Sid": "A", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/*"}
    wanted = {"policy": "auditor-x", "statements": [statement]}
    theirs = {"theirs": {"Version": "2012-10-17", "Statement": [{**statement, "Resource": "z" * 10_100}]}}
    with pytest.raises(Refused) as refusal:
        apply("put_statements", theirs, wanted)
    assert refusal.value.reason == "TooLarge"


def test_a_queue_policy_has_at_most_twenty_statements():
    held = [
        {"Effect": "Allow", "Principal": {"AWS": str(i)}, "Action": "sqs:SendMessage", "Resource": "q"}
        for i in range(20)
    ]
    wanted = {
        "statements": [
            {"Sid": "A", "Effect": "Allow", "Principal": {"AWS": "x"}, "Action": "sqs:SendMessage", "Resource": "q"}
        ]
    }
    with pytest.raises(Refused) as refusal:
        apply("put_statements", {"Version": "2012-10-17", "Statement": held}, wanted)
    assert refusal.value.reason == "TooLarge"
