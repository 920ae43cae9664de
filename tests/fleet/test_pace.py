"""The pace at which an API is asked: none until AWS objects, then a bucket that all workers share."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from auditor.aws.pace import Pace, Paces


def test_nothing_is_slowed_before_aws_says_so():
    pace = Pace("dynamodb", "DescribeContinuousBackups")
    assert [pace.wait(0.0) for _ in range(1000)] == [0.0] * 1000
    assert pace.rate is None


def test_the_documented_rate_is_where_a_limit_begins():
    pace = Pace("dynamodb", "DescribeContinuousBackups")
    pace.throttled(100.0)
    assert pace.rate == 10.0
    waits = [pace.wait(100.0) for _ in range(20)]
    assert waits[0] == 0.0
    assert abs(waits[-1] - 1.9) < 1e-9


def test_a_limit_that_holds_shrinks_once_a_second_and_no_further_than_the_least():
    pace = Pace("iam", "GetRole")
    pace.throttled(0.0)
    first = pace.rate
    for _ in range(50):
        pace.throttled(0.5)
    assert pace.rate == first
    for second in range(1, 60):
        pace.throttled(float(second))
    assert pace.rate == 5.0


def test_iam_is_asked_more_slowly_than_s3():
    rates = []
    for service, operation in (("iam", "GetRole"), ("s3", "GetBucketVersioning")):
        pace = Pace(service, operation)
        pace.throttled(0.0)
        rates.append(pace.rate)
    assert rates[0] < rates[1]


def test_a_limit_that_is_not_met_any_more_goes_away():
    pace = Pace("iam", "GetRole")
    pace.throttled(0.0)
    answered = 0
    while pace.rate is not None:
        pace.answered()
        answered += 1
        assert answered < 200_000
    assert pace.wait(1.0) == 0.0


@given(st.lists(st.sampled_from(["wait", "answered", "throttled"]), max_size=200))
def test_no_more_calls_pass_than_the_rate_allows(moves):
    pace, now, passed = Pace("sqs", "GetQueueAttributes"), 0.0, []
    pace.throttled(now)
    for move in moves:
        now += 0.01
        if move == "wait":
            passed.append(now + pace.wait(now))
        else:
            getattr(pace, move)(*([now] if move == "throttled" else []))
        assert pace.rate is None or pace.rate >= 5.0
    assert passed == sorted(passed)


def test_each_api_of_a_region_has_its_own_and_iam_has_one_for_all_regions():
    paces = Paces()
    assert paces.of("s3", "GetBucketAcl", "us-east-1") is paces.of("s3", "GetBucketAcl", "us-east-1")
    assert paces.of("s3", "GetBucketAcl", "us-east-1") is not paces.of("s3", "GetBucketAcl", "eu-west-1")
    assert paces.of("s3", "GetBucketAcl", "us-east-1") is not paces.of("s3", "GetBucketCors", "us-east-1")
    assert paces.of("iam", "GetRole", "us-east-1") is paces.of("iam", "GetRole", "eu-west-1")


def test_workers_share_a_bucket():
    pace = Pace("iam", "GetRole")
    pace.throttled(0.0)
    with ThreadPoolExecutor(8) as pool:
        waits = sorted(pool.map(lambda _: pace.wait(0.0), range(100)))
    steps = {round(later - earlier, 6) for earlier, later in pairwise(waits)}
    assert steps == {round(1 / 20, 6)}
