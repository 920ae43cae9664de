"""EventBridge's patterns, by what AWS documents of them, and three-valued where the event is known in part only."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from auditor.kinds.event_patterns import Between, Free, every, leaves, matches, object_created, some
from auditor.model import Unread

DATA = yaml.safe_load((Path(__file__).parent / "s3" / "event_patterns.yaml").read_text(encoding="utf-8"))
VERDICTS = {"match": True, "mismatch": False, "open": None}
CASES = [(pattern, VERDICTS[word]) for word in VERDICTS for pattern in DATA[word]]
UNKNOWN = Unread("known after apply")


@pytest.mark.parametrize(("pattern", "verdict"), CASES, ids=str)
def test_pattern(pattern, verdict):
    assert matches(pattern, DATA["event"]) is verdict


@pytest.mark.parametrize(
    ("asked", "verdict"),
    [
        ([">", 0], True),
        ([">=", 1], True),
        ([">", 1], None),
        (["<", 1], False),
        (["<", 10**15], True),
        (["=", 5], None),
        (["=", 0], False),
        ([">", 0, "<", 100], None),
    ],
)
def test_a_size_that_is_known_by_its_bounds(asked, verdict):
    assert matches({"size": [{"numeric": asked}]}, {"size": Between(1, 5 * 2**40)}) is verdict


def test_a_free_text_meets_whatever_is_asked_of_it():
    for wanted in ("x", {"prefix": "a"}, {"wildcard": "*b"}, {"anything-but": "c"}, {"exists": True}):
        assert matches({"key": [wanted]}, {"key": Free()}) is True
    assert matches({"key": [{"exists": False}]}, {"key": Free()}) is False


def test_what_is_not_known_is_open_and_never_more():
    assert matches({"etag": ["x"]}, {"etag": UNKNOWN}) is None
    assert matches({"etag": [{"exists": True}]}, {"etag": UNKNOWN}) is True
    assert matches({"etag": ["x"], "source": ["b"]}, {"etag": UNKNOWN, "source": "a"}) is False
    assert matches({"etag": ["x", {"exists": True}]}, {"etag": UNKNOWN}) is True
    assert matches(UNKNOWN, {"source": "a"}) is None
    assert matches({"source": [UNKNOWN]}, {"source": "a"}) is None
    assert matches({"source": [UNKNOWN, "a"]}, {"source": "a"}) is True
    assert matches({"source": [{"prefix": UNKNOWN}]}, {"source": "a"}) is None


@pytest.mark.parametrize("pattern", [None, {}, [], "source"])
def test_a_rule_without_pattern_matches_nothing(pattern):
    assert matches(pattern, DATA["event"]) is False


def test_leaves_say_where():
    found = {
        leaf.route: leaf.meets
        for leaf in leaves({"source": ["aws.s3"], "detail": {"reason": ["PutObject"]}}, DATA["event"])
    }
    assert found == {"source": True, "detail.reason": False}


def test_the_event_of_a_new_object():
    bucket = {"Name": "b", "Arn": "arn:aws:s3:::b", "Account": "111122223333", "Region": UNKNOWN}
    event = object_created(bucket, "k", "CompleteMultipartUpload")
    assert (
        matches({"source": ["aws.s3"], "detail": {"bucket": {"name": ["b"]}, "object": {"key": ["k"]}}}, event) is True
    )
    assert matches({"region": ["eu-west-1"]}, event) is None
    assert matches({"detail": {"requester": ["x"]}}, event) is None


TEXT = st.text(alphabet="ab*?\\/.[", max_size=8)


@given(TEXT, TEXT)
def test_wildcards_are_stars_and_nothing_else(pattern, value):
    if "\\" in pattern:
        return
    expected = re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), value, re.DOTALL) is not None
    assert matches({"k": [{"wildcard": pattern}]}, {"k": value}) is expected


@given(TEXT)
def test_every_text_is_like_itself(value):
    for wanted in (value, {"prefix": value}, {"suffix": value}, {"equals-ignore-case": value}):
        assert matches({"k": [wanted]}, {"k": value}) is True
    assert matches({"k": [{"anything-but": value}]}, {"k": value}) is False


@given(st.lists(st.sampled_from([True, False, None]), max_size=5))
def test_three_values(verdicts):
    assert every(verdicts) is (False if False in verdicts else None if None in verdicts else True)
    assert some(verdicts) is (True if True in verdicts else None if None in verdicts else False)
