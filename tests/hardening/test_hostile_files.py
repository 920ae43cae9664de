"""Files and machines that mean no good: one sentence and the right exit code, in bounded time and memory, never a traceback."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from auditor.cases import snapshot_of
from auditor.demo import PIPELINE
from auditor.pipeline import parse
from auditor.rulebook import load
from auditor.sources.saved import dumps

ROOT = Path(__file__).parents[2]
# Long enough for any machine: what waits for a pipe waits for ever.
SECONDS, MEBIBYTES = 300, 700
RUN = "state/runs/20260101T000000000000Z-0badcafe.jsonl"
NIGHT = ["--source", "snapshot:night.json", "--select", "pitr-enabled"]
QUIET = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "PYTHONPATH": str(ROOT)}
BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{inner}'] * 9)}]\n" for inner, name in zip("abcdefghij", "bcdefghijk", strict=True)
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a pipeline, a snapshot of it in which PITR is off, and what else a command may want beside a file."""
    place = tmp_path_factory.mktemp("hostile")
    rule = next(rule for rule in load(vet=False) if rule.id == "pitr-enabled")
    case = next(case for case in rule.cases if case.expect.value == "fail")
    (pipeline,) = parse(PIPELINE, "pipeline.yaml")
    (place / "pipeline.yaml").write_text(PIPELINE, encoding="utf-8")
    (place / "night.json").write_text(dumps([replace(snapshot_of(case), pipeline=pipeline)]), encoding="utf-8")
    (place / "home").mkdir()
    (place / "locked").mkdir()
    (place / "locked").chmod(0o500)
    (place / "template.yaml").write_text("Resources: {}\n", encoding="utf-8")
    return place


def environment(folder):
    """Nothing of AWS, of the locale or of the user's own folders."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "LC_", "LANG", "XDG_"))}
    return clean | QUIET | {"HOME": str(folder / "home")}


@pytest.fixture(scope="module")
def forks(folder):
    """Run the command line in a process of its own; see `forks.py`."""
    words = [sys.executable, "-m", "tests.hardening.forks"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(words, cwd=ROOT, env=environment(folder), **pipes) as driver:

        def run(*told, **bounds):
            order = {"words": told, "folder": str(folder), "seconds": SECONDS, **bounds}
            driver.stdin.write(json.dumps(order) + "\n")
            driver.stdin.flush()
            done = json.loads(driver.stdout.readline())
            assert done["code"] != "hung", told
            assert "Traceback" not in done["err"], done["err"]
            assert done["mebibytes"] < MEBIBYTES, done
            return done

        yield run
        driver.stdin.close()


def socket_at(path):
    # A socket's name may have a hundred bytes at most, and a test's folder has more.
    with socket.socket(socket.AF_UNIX) as one:
        before = Path.cwd()
        os.chdir(path.parent)
        try:
            one.bind(path.name)
        finally:
            os.chdir(before)


def sparse(path):
    with path.open("wb") as stream:
        stream.truncate(100_000_000_000)


def unreadable(path):
    path.write_text("a: 1\n", encoding="utf-8")
    path.chmod(0)


FILES = {
    "bomb": lambda path: path.write_text(BOMB, encoding="utf-8"),
    "deep": lambda path: path.write_text("[" * 200_000, encoding="utf-8"),
    "deep mappings": lambda path: path.write_text('{"a":' * 100_000, encoding="utf-8"),
    "huge number": lambda path: path.write_text('{"version": 1' + "0" * 100_000 + "}", encoding="utf-8"),
    "NUL": lambda path: path.write_bytes(b'{"version": "\0"}'),
    "surrogate": lambda path: path.write_bytes(b'{"version": "\xed\xa0\x80"}'),
    "escaped surrogate": lambda path: path.write_text('{"version": "\\ud800"}', encoding="utf-8"),
    "100 GB": sparse,
    "30 MB of blanks": lambda path: path.write_bytes(b" " * 30_000_000),
    "circle": lambda path: path.symlink_to(path.name),
    "leading nowhere": lambda path: path.symlink_to("nowhere"),
    "pipe": os.mkfifo,
    "folder": Path.mkdir,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "socket": socket_at,
    "unreadable": unreadable,
    "empty": lambda path: path.write_text("", encoding="utf-8"),
}
DIRECT = ("folder", "pipe", "device", "unreadable")
"""What each command must refuse by itself; what stands in a file is one reader's affair, and is tried where it is used."""

READERS = {
    "pipeline": ("x.yaml", ["audit", "x.yaml", *NIGHT], FILES),
    "snapshot": ("x.json", ["audit", "pipeline.yaml", "--source", "snapshot:x.json"], ("100 GB", "circle", *DIRECT)),
    "plan of Terraform": ("x.json", ["audit", "pipeline.yaml", "--source", "terraform:x.json"], DIRECT),
    "template": ("x.yaml", ["audit", "pipeline.yaml", "--source", "cloudformation:x.yaml"], DIRECT),
    "parameters": (
        "x.json",
        ["audit", "pipeline.yaml", "--source", "cloudformation:template.yaml", "--parameters", "x.json"],
        DIRECT,
    ),
    "rule": ("own/x.yaml", ["audit", "pipeline.yaml", *NIGHT, "--rules", "own"], DIRECT[1:]),
    "pack": ("own/pack.yaml", ["audit", "pipeline.yaml", *NIGHT, "--rules", "own"], DIRECT),
    "baseline": ("x.json", ["audit", "pipeline.yaml", *NIGHT, "--baseline", "x.json"], DIRECT),
    "plan": ("x.json", ["apply", "x.json", "--yes"], FILES),
    "report": ("x.json", ["explain", "0123abcd", "--report", "x.json"], DIRECT),
    "policy": (
        "x.json",
        [
            "iam",
            "decide",
            "--principal",
            "arn:aws:iam::111122223333:role/r",
            "--action",
            "s3:GetObject",
            "--resource",
            "arn:aws:s3:::b/k",
            "--identity",
            "x.json",
        ],
        DIRECT,
    ),
    "journal": (RUN, ["rollback", "last", "--yes", "--state-dir", "state"], FILES),
    "history": ("x.db", ["history", "--history", "x.db"], ("folder", "pipe", "device", "unreadable", "bomb")),
}
CASES = [(reader, file) for reader, (_, _, files) in READERS.items() for file in files]


@pytest.mark.parametrize(("reader", "file"), CASES, ids=[f"{reader}, {file}" for reader, file in CASES])
def test_a_hostile_file_is_refused_in_a_sentence(folder, forks, reader, file):
    name, words, _ = READERS[reader]
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    FILES[file](path)
    try:
        done = forks(*words)
    finally:
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    assert done["code"] == 2, done
    assert done["out"] == ""
    said = done["err"].splitlines()
    assert len(done["err"]) < 1500
    assert any(path.stem in line for line in said), said
    # A sentence ends; a file that lacks everything may be told of in two.
    assert said[-1].endswith((".", "…`"))


def test_a_template_or_a_configuration_in_a_folder_is_no_better(folder, forks):
    place = folder / "tf"
    place.mkdir()
    (folder / "plan.json").write_text(
        json.dumps(
            {"format_version": "1.2", "planned_values": {"root_module": {}}, "configuration": {"root_module": {}}}
        ),
        encoding="utf-8",
    )
    os.mkfifo(place / "main.tf")
    words = ["audit", "pipeline.yaml", "--source", "terraform:plan.json", "--terraform-dir", "tf"]
    done = forks(*words)
    assert done["code"] in {2, 3}, done


JSON_OUT = ["audit", "pipeline.yaml", *NIGHT, "--format", "json", "--output"]
PLACES = {
    "no space": ("/dev/full", {}, "no space left on device"),
    "no room for all of it": ("out.json", {"largest_file": 1500}, "file too large"),
    "no folder": ("nowhere/out.json", {}, "The folder nowhere does not exist"),
    "a folder": ("home", {}, "This is a folder"),
    "below a file": ("pipeline.yaml/out.json", {}, "not a directory"),
    "a read-only folder": ("locked/out.json", {}, "permission denied"),
}


@pytest.mark.parametrize("words", [JSON_OUT, ["rules", "schema", "-o"]], ids=["report", "schema"])
@pytest.mark.parametrize("place", PLACES)
def test_what_cannot_be_written_is_said_and_nothing_is_left(folder, forks, words, place):
    name, bounds, sentence = PLACES[place]
    before = sorted(one.name for one in folder.iterdir())
    done = forks(*words, name, **bounds)
    assert done["code"] == 2, done
    said = done["err"].splitlines()[-1]
    assert name in said
    assert sentence.lower() in said.lower(), said
    assert sorted(one.name for one in folder.iterdir()) == before
    assert list((folder / "locked").iterdir()) == []


@pytest.mark.parametrize(
    "words", [["--metrics", "/dev/full"], ["--history", "/dev/full"], ["--history", "locked/x/y.db"]]
)
def test_an_audit_is_told_though_a_side_line_cannot_be(folder, forks, words):
    done = forks("audit", "pipeline.yaml", *NIGHT, *words)
    assert done["code"] == 1, done
    assert "pitr-enabled" in done["out"]
    assert words[1].split("/")[-1] in done["err"]


def shell(folder, line, **env):
    """Run a line of a shell, in which `auditor` is the real command."""
    line = re.sub(r"\bauditor\b", f"{sys.executable} -m auditor", line)
    known = {name: value for name, value in (environment(folder) | env).items() if value is not None}
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        env=known,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="surrogateescape",
        timeout=SECONDS,
        check=False,
    )


AUDIT = f"auditor audit pipeline.yaml {' '.join(NIGHT)}"
LINES = {
    "standard output is full": ("auditor rules docs > /dev/full", {}, 2, "Standard output: No space left on device."),
    "standard output is closed": (f"{AUDIT} --format json --output closed.json >&-", {}, 1, None),
    "standard output ends early": ("auditor rules docs | head -1", {}, 0, ""),
    "standard input is closed": ("auditor rollback last --state-dir nothing <&-", {}, 2, None),
    "all streams are closed": (f"{AUDIT} <&- >&- 2>&-", {}, 1, ""),
    "the C locale": (f"{AUDIT} --lang ja", {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, 1, None),
    "a locale of another writing": (AUDIT, {"LC_ALL": "ja_JP.eucJP", "PYTHONUTF8": "0"}, 1, None),
    "a locale that does not exist": (AUDIT, {"LC_ALL": "xx_YY.nothing", "PYTHONIOENCODING": "ascii"}, 1, None),
    "no home": (AUDIT, {"HOME": None}, 1, None),
    "a home that is nowhere": ("auditor runs", {"HOME": "/nowhere"}, 0, ""),
    "a name that is no text": (r"auditor audit $'caf\xe9.yaml'", {}, 2, "caf\\udce9.yaml: There is no such file."),
    "a name with controls": (r"auditor audit $'\e[31mred.yaml'", {}, 2, "\\x1b[31mred.yaml: There is no such file."),
    "a folder that is gone": (
        "mkdir gone && cd gone && rmdir ../gone && auditor audit x.yaml",
        {},
        2,
        "The current folder: No such file or directory.",
    ),
    "no folder for passing files": (AUDIT, {"TMPDIR": "/nowhere"}, 1, None),
}


@pytest.mark.parametrize("line", LINES)
def test_an_odd_machine_changes_no_answer(folder, line):
    command, env, code, said = LINES[line]
    done = shell(folder, command, **env)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Internal error" not in done.stderr
    if said is not None:
        assert done.stderr.strip() == said
    if "pitr-enabled" in command and ">&-" not in command:
        assert "✗" in done.stdout
        assert ("ポイント" in done.stdout) is (env.get("LC_ALL", "").startswith("ja") or "--lang ja" in command)


def test_what_was_asked_for_is_written_though_nobody_listens(folder):
    assert shell(folder, f"{AUDIT} --format json --output quiet.json <&- >&- 2>&-").returncode == 1
    told = json.loads((folder / "quiet.json").read_text(encoding="utf-8"))
    assert [one["verdict"] for one in told["findings"]] == ["fail"]


@pytest.mark.parametrize("year", [1970, 2106])
def test_a_clock_that_jumps_changes_no_verdict(folder, year):
    jump = folder / str(year)
    jump.mkdir()
    # Half of what is asked is told before the jump, half after it; the monotonic clock goes on.
    (jump / "sitecustomize.py").write_text(
        "import time\n"
        "real, count = time.time, [0]\n"
        "def wrong():\n"
        "    count[0] += 1\n"
        f"    return real() if count[0] % 2 else {(year - 1970) * 31556952.0 + 1}\n"
        "time.time = wrong\n",
        encoding="utf-8",
    )
    done = shell(folder, f"{AUDIT} --format json", PYTHONPATH=f"{jump}:{ROOT}")
    assert done.returncode == 1, done.stderr
    assert [one["verdict"] for one in json.loads(done.stdout)["findings"]] == ["fail"]
