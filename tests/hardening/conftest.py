"""Two stages for the attacks: a correct pipeline that is only read, and a mis-set one that may be mended."""

from __future__ import annotations

import pytest

from auditor.standin import serve
from auditor.standin.pipeline import build_golden, build_misset
from tests.hardening import stage


@pytest.fixture(scope="package")
def golden_server():
    with serve(isolated=True) as running:
        yield running


@pytest.fixture(scope="package")
def misset_server():
    with serve(isolated=True) as running:
        yield running


@pytest.fixture(scope="package")
def golden_world(golden_server, tmp_path_factory):
    return stage.raised(golden_server, tmp_path_factory.mktemp("golden"), build_golden)


@pytest.fixture
def golden(golden_world):
    """The correct pipeline, with no faults and an empty call log."""
    golden_world.server.clear()
    yield golden_world
    golden_world.server.clear()


@pytest.fixture
def misset(misset_server, tmp_path):
    """The mis-set pipeline, built anew."""
    return stage.raised(misset_server, tmp_path, build_misset)


@pytest.fixture(scope="package")
def broken_world(misset_server, tmp_path_factory):
    """The mis-set pipeline for tests that only read it; built before the tests that mend it."""
    return stage.raised(misset_server, tmp_path_factory.mktemp("broken"), build_misset)
