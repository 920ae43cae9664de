"""A small campaign of every reader, and the inputs that once broke one."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.campaign import campaign
from tests.fuzz.targets import TARGETS, reads, seeds

CORPUS = sorted(Path(__file__).parent.joinpath("corpus").iterdir())


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_read(name, tmp_path):
    assert "read" in {reads(name, one, tmp_path) for one in seeds(name)}


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_spoilt_is_read_or_refused_in_words(name):
    outcomes, slowest, faults = campaign(name, 150, seed=7)
    assert faults == []
    assert outcomes["refused"] > 30
    assert slowest < 20


@pytest.mark.parametrize("name", TARGETS)
def test_any_bytes_at_all(name, tmp_path_factory):
    folder = tmp_path_factory.mktemp(name)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
    def holds(content):
        reads(name, content, folder)

    holds()


@pytest.mark.parametrize("file", CORPUS, ids=lambda one: one.name)
def test_what_once_broke_a_reader(file, tmp_path):
    assert reads(file.name.partition("-")[0], file.read_bytes(), tmp_path) in {"read", "refused"}
