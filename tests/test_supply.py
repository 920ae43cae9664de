"""What is installed, and from where: the locks are whole and in step with setup.cfg, the bounds are true, the page of security too."""

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
CONFIG = configparser.ConfigParser()
CONFIG.read(ROOT / "setup.cfg", encoding="utf-8")
EXTRAS = {
    "base": "",
    "demo": "demo",
    "image": "history notify",
    "run": "demo history dask notify lsp ocsf sam",
    "test": "demo history dask notify lsp ocsf sam test",
}


def wanted(name):
    """Yield what setup.cfg asks for in a lock's environment."""
    parts = [
        CONFIG["options"]["install_requires"],
        *(CONFIG["options.extras_require"][one] for one in EXTRAS[name].split()),
    ]
    yield from (Requirement(line) for line in "\n".join(parts).split("\n") if line.strip())
    yield Requirement("setuptools>=77")


def locked(name):
    """Return a lock's rows: the requirement and its digests."""
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    rows = re.sub(r"#.*", "", text.replace("\\\n", " ")).split("\n")
    for row in filter(str.strip, rows):
        told, *digests = row.split("--hash=")
        yield Requirement(told), [one.strip() for one in digests]


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_is_in_step_with_what_is_asked_for(name):
    pins = {}
    for row, _ in locked(name):
        pins.setdefault(canonicalize_name(row.name), []).append(row)
    missing = []
    for asked in wanted(name):
        found = pins.get(canonicalize_name(asked.name), [])
        versions = [next(iter(row.specifier)).version for row in found]
        if not versions or not all(asked.specifier.contains(version) for version in versions):
            missing.append(f"{asked}: {versions}")
    assert missing == [], "make lock"


@pytest.mark.parametrize("name", EXTRAS)
def test_a_lock_pins_everything_by_digest_and_names_no_place(name):
    text = (ROOT / "requirements" / f"{name}.lock").read_text(encoding="utf-8")
    assert not re.search(r"://|--index|--find-links|--trusted|@ ", text)
    for row, digests in locked(name):
        (only,) = row.specifier
        assert only.operator == "==", row
        assert digests, row
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in digests), row


@pytest.mark.parametrize("name", sorted(set(EXTRAS) - {"test"}))
def test_what_is_shipped_is_what_is_tested(name):
    tested = {(canonicalize_name(row.name), str(row.specifier)) for row, _ in locked("test")}
    assert {(canonicalize_name(row.name), str(row.specifier)) for row, _ in locked(name)} <= tested


def test_every_extra_is_locked():
    assert set(CONFIG["options.extras_require"]) == set(EXTRAS["test"].split())


@pytest.mark.parametrize("place", ["action.yml", "Dockerfile", "Makefile"])
def test_nothing_is_installed_by_name_alone(place):
    text = (ROOT / place).read_text(encoding="utf-8")
    installs = re.findall(r"(?:-m pip install|\$\(PIP\))(.*)", text)
    assert installs
    loose = [one for one in installs if not re.search(r"--require-hashes|--no-deps", one)]
    # The tools that renew the lock and ask for advisories build and ship nothing.
    assert [
        one.strip() for one in loose if one.strip() not in {"uv", "pip-audit", "--quiet --disable-pip-version-check"}
    ] == []


def test_the_page_of_security_names_what_exists():
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    assert not re.search(r"[\w.]+@[\w.]+\.\w+", text), "no addresses"
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`make (\w+)`", text):
        assert re.search(rf"^{target}:", makefile, flags=re.MULTILINE), target
    for path in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / path).exists(), path
