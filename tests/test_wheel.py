"""What is released, built and installed elsewhere: the rules and the reports are found from wherever auditor runs."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.cases import snapshot_of
from auditor.demo import PIPELINE
from auditor.pipeline import parse
from auditor.rulebook import load
from auditor.sources.saved import dumps
from auditor.version import __version__

ROOT = Path(__file__).parents[1]
RULES = load(vet=False)
# Nothing that leads to this checkout, to its environment or to an account.
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "AWS_"))}
WHEEL = f"auditor-{__version__}-py3-none-any.whl"


def command(*words, cwd, **env):
    return subprocess.run(
        [str(word) for word in words],
        cwd=cwd,
        env={**CLEAN, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def installed(folder, *words):
    """Return a fresh environment that has auditor as pip installs it, and of what it depends on what this one has."""
    venv.create(folder, with_pip=False)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    place = command(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).stdout.strip()
    # A path that a .pth names is searched, but the .pth files in it are not read: this checkout is not found by it.
    (Path(place) / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index"]
    done = command(*pip, "--disable-pip-version-check", *words, cwd=folder, PYTHONWARNINGS="ignore")
    assert done.returncode == 0, done.stderr
    return python


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    """The folder that the build script fills, from a machine with habits of its own."""
    folder = tmp_path_factory.mktemp("released")
    before = os.umask(0o077)
    try:
        done = command(sys.executable, ROOT / ".ci/dist", folder / "dist", cwd=folder, TZ="Asia/Tokyo")
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "dist"


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    """An otherwise empty folder with a pipeline, and a snapshot of it in which PITR is off."""
    folder = tmp_path_factory.mktemp("empty")
    rule = next(rule for rule in RULES if rule.id == "pitr-enabled")
    case = next(case for case in rule.cases if case.expect.value == "fail")
    (pipeline,) = parse(PIPELINE, "pipeline.yaml")
    (folder / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    (folder / "night.json").write_text(dumps([replace(snapshot_of(case), pipeline=pipeline)]), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def roads(released, tmp_path_factory):
    """Every way of having auditor, as the words before its own, the environment, and where its files must stand."""
    place = tmp_path_factory.mktemp("roads")
    wheel = released / WHEEL
    fresh = installed(place / "wheel", wheel)
    checkout = place / "checkout"
    for name in ("auditor", "rules", "reports"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "examples"))
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, checkout / name)
    packed = place / "auditor.pyz"
    with zipfile.ZipFile(wheel) as source, zipfile.ZipFile(packed, "w") as target:
        for name in source.namelist():
            # An archive for users has no dist-info: nothing may depend on what pip noted.
            if ".dist-info/" not in name:
                target.writestr(name, source.read(name))
        target.writestr("__main__.py", "from auditor.cli import main\nmain()\n")
    yield {
        "wheel": ((fresh.with_name("auditor"),), {}, place / "wheel"),
        "zip on the path": ((sys.executable, "-m", "auditor"), {"PYTHONPATH": str(wheel)}, wheel),
        "zip application": ((sys.executable, packed), {"PYTHONPATH": str(packed)}, packed),
        "checkout": ((sys.executable, "-m", "auditor"), {"PYTHONPATH": str(checkout)}, checkout),
        "editable": (
            (installed(place / "editable", "--no-build-isolation", "-e", checkout).with_name("auditor"),),
            {},
            checkout,
        ),
    }


@pytest.mark.parametrize("road", ["wheel", "zip on the path", "zip application", "checkout", "editable"])
def test_the_rules_and_the_reports_are_found(roads, road, night, tmp_path):
    words, env, home = roads[road]
    python = words[0] if len(words) > 1 else words[0].with_name("python")
    found = command(python, "-c", "import auditor; print(auditor.__file__)", cwd=tmp_path, **env).stdout
    assert found.startswith(str(home)), found
    said = command(*words, "--version", cwd=tmp_path, **env)
    assert (said.returncode, said.stdout, said.stderr) == (0, f"auditor {__version__}\n", "")
    listed = command(*words, "rules", "list", "--format", "json", cwd=tmp_path, **env)
    assert listed.returncode == 0, listed.stderr
    assert {one["id"] for one in json.loads(listed.stdout)} == {rule.id for rule in RULES}
    judged = command(
        *words, "audit", night / "pipeline.yaml", "--source", f"snapshot:{night / 'night.json'}", "--select", "pitr-enabled",
        "--format", "json", "--output", "r.json", "--format", "html", "--output", "r.html", cwd=tmp_path, **env
    )  # fmt: skip
    assert judged.returncode == 1, judged.stderr
    (finding,) = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))["findings"]
    assert (finding["rule"], finding["verdict"]) == ("pitr-enabled", "fail")
    assert "<style" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_everything_that_a_checkout_has_is_in_the_wheel(released):
    with zipfile.ZipFile(released / WHEEL) as wheel:
        shipped = {name for name in wheel.namelist() if ".dist-info/" not in name}
    tracked = command("git", "ls-files", "-z", "auditor", "rules", "reports", cwd=ROOT).stdout.split("\0")
    inside = {name if name.startswith("auditor/") else f"auditor/{name}" for name in tracked if (ROOT / name).is_file()}
    assert inside - shipped == set()
    assert shipped - inside == set()


def test_the_wheel_is_the_same_bytes_when_it_is_built_from_the_sdist_elsewhere(released, tmp_path):
    with zipfile.ZipFile(released / WHEEL) as wheel:
        assert len({one.date_time for one in wheel.infolist()}) == 1
    with tarfile.open(released / f"auditor-{__version__}.tar.gz") as sdist:
        (when,) = {member.mtime for member in sdist.getmembers()}
        assert {(member.uid, member.uname, member.gid, member.gname) for member in sdist.getmembers()} == {
            (0, "", 0, "")
        }
        sdist.extractall(tmp_path, filter="data")
    source = tmp_path / f"auditor-{__version__}"
    words = ["-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path / "again", source]
    done = command(sys.executable, *words, cwd=tmp_path, SOURCE_DATE_EPOCH=str(int(when)))
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "again" / WHEEL).read_bytes() == (released / WHEEL).read_bytes()


def test_the_digests_are_those_of_the_files(released):
    lines = (released / "SHA256SUMS").read_text(encoding="utf-8").splitlines()
    told = {name: digest for digest, name in (line.split("  ") for line in lines)}
    real = {one.name: hashlib.sha256(one.read_bytes()).hexdigest() for one in released.iterdir()}
    del real["SHA256SUMS"]
    assert told == real
    assert set(told) == {WHEEL, f"auditor-{__version__}.tar.gz", f"auditor-{__version__}.cdx.json"}


def test_the_bill_of_materials_names_every_package_that_a_run_may_import(released):
    told = json.loads((released / f"auditor-{__version__}.cdx.json").read_text(encoding="utf-8"))
    assert (told["bomFormat"], told["specVersion"]) == ("CycloneDX", "1.6")
    root = told["metadata"]["component"]
    assert (root["name"], root["version"]) == ("auditor", __version__)
    assert root["licenses"][0]["license"]["id"] == "Apache-2.0"
    from cyclonedx.schema import SchemaVersion
    from cyclonedx.validation.json import JsonStrictValidator

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(json.dumps(told)) is None
    from packaging.utils import canonicalize_name

    parts = {canonicalize_name(one["name"]): one for one in told["components"]}
    assert {"boto3", "botocore", "click", "jinja2", "jsonschema", "pyyaml", "sqlalchemy", "moto"} <= set(parts)
    assert "pytest" not in parts
    assert all(one["purl"].startswith("pkg:pypi/") for one in parts.values())
    assert all(one["externalReferences"][0]["hashes"] for one in parts.values())
