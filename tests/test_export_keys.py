"""Which filters let exports through, and what is said of those that nearly do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from auditor.model import Unread
from auditor.predicates.exports import admits, all_of, any_of, covers, distance, encoded, export_keys, miss, similar

E = "exports/AWSDynamoDB/"
UNKNOWN = Unread("known after apply")


@pytest.mark.parametrize("cut", range(len(E) + 1))
def test_a_head_of_the_export_prefix_covers_all(cut):
    for rule in ({"Filter": {"Prefix": E[:cut]}}, {"Prefix": E[:cut]}, {"Filter": {"And": {"Prefix": E[:cut]}}}):
        assert covers(rule, E) is True


@pytest.mark.parametrize(
    "prefix", ["x", "/", "exports/AWSDynamoDB/data/", "exports/AWSDynamoDB/0170", "Exports/", f"{E}*"]
)
def test_another_prefix_does_not(prefix):
    assert covers({"Filter": {"Prefix": prefix}}, E) is False


def test_no_filter_is_the_whole_bucket():
    assert covers({"Filter": {}}, E) is True
    assert covers({}, E) is True
    assert covers({"Prefix": ""}, E) is True


def test_tags_keep_exports_out():
    tag = {"Key": "a", "Value": "b"}
    assert covers({"Filter": {"Tag": tag}}, E) is False
    assert covers({"Filter": {"And": {"Prefix": E, "Tags": [tag]}}}, E) is False
    assert covers({"Filter": {"And": {"Prefix": E, "Tags": []}}}, E) is True


def test_what_is_unread_is_not_decided_unless_it_does_not_matter():
    assert covers({"Filter": UNKNOWN}, E) is UNKNOWN
    assert covers({"Filter": {"Prefix": UNKNOWN}}, E) is UNKNOWN
    assert covers({"Filter": {"And": {"Prefix": UNKNOWN, "Tags": [{"Key": "a", "Value": "b"}]}}}, E) is False
    assert admits({"Filter": {"And": {"Prefix": "no/", "Tags": UNKNOWN}}}, f"{E}x") is False


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        ("/exports/", "Did you mean “exports/”"),
        ("export/AWSDynamoDB/", "Did you mean “exports/AWSDynamoDB/”"),
        ("exports/AWSDynamoDb/", "upper and lower case"),
        ("exports//AWSDynamoDB/", "Did you mean “exports/AWSDynamoDB/”"),
        ("exportsAWSDynamoDB/", "Did you mean “exports/AWSDynamoDB/”"),
        ("exports/AWSDyanmoDB/", "Did you mean “exports/AWSDynamoDB/”"),
        ("exports/*", "a star is no wildcard"),
        (f"{E}01704067200000-0a1b2c3d/", "the folder of one export"),
        (f"{E}data/", "only a part"),
    ],
)
def test_near_misses_are_explained(prefix, says):
    note = miss(prefix, E)
    assert note is not None
    assert says in note.en
    assert note.ja


@pytest.mark.parametrize("prefix", ["images/", "archive/2024/", "x"])
def test_far_misses_are_not(prefix):
    assert miss(prefix, E) is None


def test_special_characters_are_encoded():
    assert encoded("exports/dt=2024-01-01/a b+c/") == "exports/dt%3D2024-01-01/a+b%2Bc/"
    note = miss("exports/dt=1/", "exports/dt=1/AWSDynamoDB/", url=True)
    assert note is not None
    assert "dt%3D1" in note.en


def test_export_keys_are_of_several_runs_and_both_sorts():
    keys = export_keys(E)
    assert all(key.startswith(E) for key in keys)
    assert any(key.startswith(f"{E}data/") for key in keys)
    assert len({key.split("/")[2] for key in keys if "-" in key.split("/")[2]}) == 2


NAME = st.text(alphabet="abc-", max_size=6)


@given(NAME, NAME)
def test_distance_is_symmetric_and_zero_for_equal_texts_only(one, other):
    assert distance(one, other) == distance(other, one)
    assert (distance(one, other) == 0) is (one == other)


@given(NAME, st.integers(0, 6), st.sampled_from("abc-"))
def test_one_typo_is_one(name, at, letter):
    at = min(at, len(name))
    assert distance(name, name[:at] + letter + name[at:]) == 1
    if name:
        at = min(at, len(name) - 1)
        assert distance(name, name[:at] + name[at + 1 :]) == 1


def test_similar_names():
    assert similar("order-analytics", ["orders-export", "orders-analytics"]) == "orders-analytics"
    assert similar("orders-analytics", ["orders-analytics"]) is None
    assert similar("logs", ["orders-analytics"]) is None


VERDICTS = st.lists(st.sampled_from([True, False, UNKNOWN]), max_size=5)


@given(VERDICTS)
def test_three_values(verdicts):
    assert all_of(verdicts) is (False if False in verdicts else UNKNOWN if UNKNOWN in verdicts else True)
    assert any_of(verdicts) is (True if True in verdicts else UNKNOWN if UNKNOWN in verdicts else False)
