"""The README tells only what works: its rule table is current, its commands exist, its options are real, its links lead somewhere."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from auditor.rulebook import load

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def rule_table():
    rows = ["| rule | node | severity | fix |", "|---|---|---|---|"]
    for rule in load(vet=False):
        nodes = ", ".join(rule.subjects)
        rows.append(
            f"| [{rule.title.en}](rules/README.md#{rule.id}) `{rule.id}` | {nodes} | {rule.severity.value} | {rule.fix.safety.value} |"
        )
    return "\n".join(rows)


def test_the_rule_table_is_current():
    begin, end = "<!-- rules -->\n", "\n<!-- /rules -->"
    assert README.split(begin)[1].split(end)[0] == rule_table(), "run: python -m tests.test_readme"


def commands():
    for block in re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL):
        for line in block.splitlines():
            command = line.split("  #")[0].strip()
            if command.startswith("auditor "):
                yield command


@pytest.mark.parametrize("command", sorted(set(commands())))
def test_every_command_and_option_exists(command):
    words = command.split()[1:]
    verbs = [words[0]]
    if words[0] in {"rules", "iam"}:
        verbs.append(words[1])
    done = subprocess.run(
        [sys.executable, "-m", "auditor", *verbs, "--help"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for option in re.findall(r"(?<!\S)--?[a-z][a-z-]*", command):
        assert option in done.stdout, f"{command}: {option}"


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)[^)]*\)", README))))
def test_every_link_leads_somewhere(link):
    assert (ROOT / link).exists(), link


def test_the_pipeline_file_of_the_readme_is_right():
    from auditor.pipeline import parse

    (text,) = re.findall(r"```yaml\n(version: 1\n.*?)```", README, flags=re.DOTALL)
    (pipeline,) = parse(text, "README.md")
    assert set(pipeline.intent) >= {"wake_on", "delete_markers", "recovery_period_days"}
    assert len(pipeline.waivers) == 1


def test_the_make_targets_exist():
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {word.split()[1] for word in re.findall(r"^make \w+", README, flags=re.MULTILINE)} <= targets


if __name__ == "__main__":
    text = re.sub(
        r"<!-- rules -->\n.*?\n<!-- /rules -->|@@RULES@@",
        lambda _: f"<!-- rules -->\n{rule_table()}\n<!-- /rules -->",
        README,
        flags=re.DOTALL,
    )
    (ROOT / "README.md").write_text(text, encoding="utf-8")
