"""Other distributions add predicates, kinds, edits and formats; what they break is said of them, by name."""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from auditor.aws.plain_client import client as plain_client
from auditor.demo import _PROFILES, PIPELINE
from auditor.files import shipped
from auditor.standin import serve
from auditor.standin.pipeline import build_golden

TEMPLATE = Path(str(shipped("rules"))) / "templates" / "plugin"
ROOT = Path(__file__).resolve().parents[1]
LINE = "    workgroup: {account: analytics, name: primary}\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Install a copy of the template into a fresh environment that also sees what the tests see; return its Python."""
    folder = tmp_path_factory.mktemp("plugin")
    project = shutil.copytree(TEMPLATE, folder / "project", ignore=shutil.ignore_patterns("__pycache__"))
    environment = folder / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    (packages,) = environment.glob("lib/python3*/site-packages")
    seen = [sysconfig.get_paths()["purelib"], str(ROOT)]
    (packages / "seen.pth").write_text("\n".join(seen) + "\n", encoding="utf-8")
    python = environment / "bin" / "python"
    options = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run([str(python), "-m", "pip", "install", *options, str(project)], check=True)
    assert (packages / "auditor_athena" / "kinds.py").is_file()
    return python


def run(folder, *words, python=sys.executable, **env):
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LC_", "LANG", "PYTHON"))
    }
    return subprocess.run(
        [str(python), "-m", "auditor", *words],
        cwd=folder,
        env=clean | {"XDG_STATE_HOME": str(folder), "PYTHONPATH": str(ROOT)} | env,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Build the right pipeline on the stand-in, with a workgroup beside it."""
    folder = tmp_path_factory.mktemp("world")
    with serve(isolated=True) as server:
        build_golden(lambda service, account, region: plain_client(service, account, region, server.url))
        athena = plain_client("athena", "444455556666", "ap-northeast-1", server.url)
        settings = {
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": "s3://elsewhere/results/"},
        }
        athena.create_work_group(Name="primary-queries", Configuration=settings)
        (folder / "aws").write_text(_PROFILES.format(url=server.url), encoding="utf-8")
        text = PIPELINE.rstrip("\n") + "\n" + LINE.replace("primary", "primary-queries")
        (folder / "pipeline.yaml").write_text(text, encoding="utf-8")
        yield folder


def test_the_rules_of_the_template_hold(installed, tmp_path):
    done = run(tmp_path, "rules", "test", "--rules", str(TEMPLATE / "rules"), "--strict", python=installed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("1 rule, 4 cases, 0 failures, 5 of 5 mutants noticed")


def test_a_kind_a_predicate_and_a_format_serve_a_whole_audit(installed, world):
    done = run(
        world, "audit", "pipeline.yaml", "--rules", str(TEMPLATE / "rules"), "--select", "athena", "--format", "lines",
        python=installed, AWS_CONFIG_FILE=str(world / "aws"),
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "fail orders.workgroup workgroup-results\n"), done.stderr


@pytest.mark.parametrize(
    "form", ["table", "json", "sarif", "junit", "markdown", "html", "asff", "ocsf", "csv", "github", "gitlab"]
)
def test_every_format_can_tell_of_a_node_that_is_not_ours(installed, world, form):
    done = run(
        world, "audit", "pipeline.yaml", "--rules", str(TEMPLATE / "rules"), "--select", "athena", "--format", form,
        python=installed, AWS_CONFIG_FILE=str(world / "aws"),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "workgroup-results" in done.stdout


def test_a_snapshot_of_it_can_be_judged_again(installed, world):
    env = {"python": installed, "AWS_CONFIG_FILE": str(world / "aws")}
    rules = ("--rules", str(TEMPLATE / "rules"), "--select", "athena")
    assert run(world, "snapshot", "pipeline.yaml", "-o", "seen.json", *rules, **env).returncode == 0
    done = run(world, "audit", "pipeline.yaml", "--source", "snapshot:seen.json", "--format", "json", *rules, **env)
    (finding,) = json.loads(done.stdout)["findings"]
    assert (done.returncode, finding["verdict"], finding["resource"]["kind"]) == (1, "fail", "athena.workgroup")


def test_permissions_name_what_it_reads(installed, world):
    done = run(
        world,
        "permissions",
        "pipeline.yaml",
        "--rules",
        str(TEMPLATE / "rules"),
        "--select",
        "athena",
        python=installed,
    )
    (statement,) = json.loads(done.stdout)["444455556666"]["Statement"]
    assert statement["Action"] == ["athena:GetWorkGroup"]
    assert statement["Resource"] == ["arn:aws:athena:ap-northeast-1:444455556666:workgroup/primary-queries"]


def test_without_the_distribution_its_names_are_mistakes(world):
    done = run(world, "audit", "pipeline.yaml")
    assert done.returncode == 2
    assert "Unknown key `workgroup`." in done.stderr
    done = run(world, "rules", "test", "--rules", str(TEMPLATE / "rules"))
    assert done.returncode == 2
    assert "There is no predicate `lies_below`." in done.stderr
    assert "There is no node `workgroup`." in done.stderr
    done = run(world, "audit", "pipeline.yaml", "--format", "lines")
    assert (done.returncode, "There is no format `lines`." in done.stderr) == (2, True)


def offer(folder, name, points, module):
    """Lay an installed distribution with entry points into a folder of the path."""
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(points, encoding="utf-8")
    (folder / f"{name.replace('-', '_')}_code.py").write_text(module, encoding="utf-8")


HEAD = """
from auditor.model import Text
from auditor.scope import Predicate
def judge(found, wanted, scope):
    return ()
"""
ROW = 'ROW = Predicate("%s", judge, {"type": "boolean"}, Text("It holds.", "成り立つ。"), example="{at: Name, %s: true}")\n'
RULE = """id: odd
title: {en: It holds, ja: 成り立つ}
severity: low
subject: source_bucket
why: {en: It matters., ja: 重要です。}
check:
  - {at: Versioning.Status, odd: true}
tests:
  - {name: one, given: {source_bucket: {Versioning: {Status: Enabled}}}, expect: pass}
  - {name: two, given: {source_bucket: {Versioning: {}}}, expect: fail}
  - {name: three, given: {source_bucket: {unread: {Versioning: AccessDenied}}}, expect: unknown}
"""


def outcome(folder, *distributions):
    (folder / "rules").mkdir()
    (folder / "rules" / "odd.yaml").write_text(RULE, encoding="utf-8")
    for name, points, module in distributions:
        offer(folder / "path", name, points, module)
    path = os.pathsep.join([str(folder / "path"), str(ROOT)])
    return run(folder, "rules", "test", "--rules", "rules", "--no-mutate", PYTHONPATH=path)


POINT = "[auditor.predicates]\nodd = acme_odd_code:ROW\n"


@pytest.mark.parametrize(
    ("points", "module", "sentence"),
    [
        (
            POINT,
            "import nothing_of_this_name\n",
            "`odd`, which acme-odd 1.0 offers as acme_odd_code:ROW, cannot be loaded: ModuleNotFoundError: No module named 'nothing_of_this_name'. Mend it or uninstall it.",
        ),
        (
            POINT,
            "1 / 0\n",
            "`odd`, which acme-odd 1.0 offers as acme_odd_code:ROW, cannot be loaded: ZeroDivisionError: division by zero. Mend it or uninstall it.",
        ),
        (
            POINT,
            "raise SystemExit(0)\n",
            "`odd`, which acme-odd 1.0 offers as acme_odd_code:ROW, cannot be loaded: SystemExit: 0. Mend it or uninstall it.",
        ),
        (
            POINT,
            "OTHER = 1\n",
            "`odd`, which acme-odd 1.0 offers as acme_odd_code:ROW, cannot be loaded: AttributeError: module 'acme_odd_code' has no attribute 'ROW'. Mend it or uninstall it.",
        ),
        (POINT, "ROW = 1\n", "`odd`, which acme-odd 1.0 offers as acme_odd_code:ROW, is an int, not a Predicate."),
        (
            POINT,
            HEAD + ROW % ("even", "even"),
            "`odd`, which acme-odd 1.0 offers as acme_odd_code:ROW, calls itself `even`. Name the entry point as the row.",
        ),
        (
            POINT,
            HEAD + (ROW % ("odd", "odd")).replace("boolean", "bool"),
            "`odd`, which acme-odd 1.0 offers, has no valid JSON Schema: 'bool' is not valid under any of the given schemas. Mend it or uninstall it.",
        ),
        (
            POINT + "equals = acme_odd_code:ROW\n",
            HEAD + ROW % ("odd", "odd"),
            "`equals`, which acme-odd 1.0 offers as acme_odd_code:ROW, has the name of one of auditor's own. Rename it or uninstall it.",
        ),
    ],
)
def test_a_broken_distribution_is_named_in_one_sentence(tmp_path, points, module, sentence):
    done = outcome(tmp_path, ("acme-odd", points, module))
    assert (done.returncode, done.stderr.strip()) == (2, sentence)


def test_two_distributions_may_not_offer_one_name(tmp_path):
    module = HEAD + ROW % ("odd", "odd")
    other = POINT.replace("acme_odd", "other_odd")
    done = outcome(tmp_path, ("acme-odd", POINT, module), ("other-odd", other, module))
    assert done.returncode == 2
    assert done.stderr.strip() == (
        "`odd`, which other-odd 1.0 offers as other_odd_code:ROW, is offered by acme-odd 1.0 too. Uninstall one of them."
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("    return found.value['nothing']\n", "The predicate `odd` of acme-odd 1.0 failed (TypeError: "),
        (
            "    yield 'wrong'\n",
            "The predicate `odd` of acme-odd 1.0 failed (it yields 'wrong', which is no Evidence).",
        ),
    ],
)
def test_a_predicate_that_fails_makes_unknown_and_is_named(tmp_path, body, said):
    module = HEAD.replace("    return ()\n", body) + ROW % ("odd", "odd")
    done = outcome(tmp_path, ("acme-odd", POINT, module))
    assert done.returncode == 1
    assert "case “one”: expected pass, judged unknown" in done.stdout
    assert said in done.stdout
    assert "case “three”" not in done.stdout


def test_what_is_not_named_is_not_imported(tmp_path):
    offer(tmp_path / "path", "acme-odd", POINT, "raise RuntimeError\n")
    path = os.pathsep.join([str(tmp_path / "path"), str(ROOT)])
    assert run(tmp_path, "rules", "list", PYTHONPATH=path).returncode == 0


def test_nobody_looks_at_what_is_installed_while_only_our_own_words_are_said():
    code = (
        "from auditor import plugins, rulebook, cases, render\n"
        "rules = rulebook.load(vet=False)\n"
        "assert render.FORMATS['sarif']\n"
        "from auditor.pipeline import parse\n"
        f"parse({PIPELINE!r}, 'f')\n"
        "assert plugins._offered.cache_info().misses == 0, plugins._offered.cache_info()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
