"""The house keeps itself: tables complete, everything documented in both languages, files and functions of a sitting."""

import ast
import configparser
import json
import re
from importlib import import_module
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from auditor.cli import COMMANDS
from auditor.docs import index
from auditor.docs.schema import as_text, rule_schema
from auditor.edits import EDITS, Edit
from auditor.files import parse_yaml
from auditor.kinds import KINDS, Kind
from auditor.model import NODES
from auditor.predicates import PREDICATES
from auditor.render import FORMATS
from auditor.render.format import Format
from auditor.rulebook import load
from auditor.scope import Predicate

ROOT = Path(__file__).resolve().parents[1]
MODULES = sorted(path for path in (ROOT / "auditor").rglob("*.py") if "__pycache__" not in path.parts)
NAMES = [str(path.relative_to(ROOT)) for path in MODULES]
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}
RULES = load(vet=False)
WORDS = [*((row, "at") for row in PREDICATES.rows.values()), *((row, "facet") for row in EDITS.rows.values())]

LINES, FUNCTION = 350, 45
# Each with the reason why it is longer than a sitting.
LONG_FILES = {
    "auditor/predicates/access_calls.py": "the calls of every step of a pipeline, side by side so that they can be compared",
}
LONG_FUNCTIONS = {
    "auditor/cli/audit.py:audit_options": "a table of options, one after the other",
}


def japanese(text):
    return any("\u3040" <= letter <= "\u9fff" for letter in text)


@pytest.mark.parametrize(("row", "beside"), WORDS, ids=[row.name for row, _ in WORDS])
def test_every_word_of_the_language_is_explained_and_its_example_is_right(row, beside):
    assert row.doc.en.endswith("."), row.doc.en
    assert japanese(row.doc.ja)
    assert re.fullmatch(r"[a-z][a-z0-9_]*", row.name)
    Draft202012Validator.check_schema(row.schema)
    example = parse_yaml(row.example, "example").value
    assert set(example) <= {beside, "default", "node", row.name}
    mistakes = Draft202012Validator(row.schema).iter_errors(example[row.name])
    assert [error.message for error in mistakes if "${" not in str(error.instance)] == []


def test_every_word_of_the_language_is_used_by_a_rule_or_has_a_test():
    rules = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "rules").rglob("*.yaml"))
    tests = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "tests").rglob("*")
        if path.suffix in {".py", ".yaml"} and path.name != "test_house.py" and path.is_file()
    )
    unused = [
        row.name
        for row, _ in WORDS
        if not re.search(rf"\b{row.name}\b", rules) and not re.search(rf"\b{row.name}\b", tests)
    ]
    assert unused == []


def rows_of(package, sort):
    """Return every row of a sort that stands in a module of a family."""
    found = {}
    for path in (ROOT / "auditor" / package).glob("*.py"):
        module = import_module(f"auditor.{package}" + ("" if path.stem == "__init__" else f".{path.stem}"))
        for value in vars(module).values():
            for row in value if isinstance(value, tuple) else (value,):
                if isinstance(row, sort):
                    found[row.name] = row
    return found


@pytest.mark.parametrize(
    ("package", "sort", "table"),
    [
        ("predicates", Predicate, PREDICATES),
        ("edits", Edit, EDITS),
        ("kinds", Kind, KINDS),
        ("render", Format, FORMATS),
    ],
    ids=["predicates", "edits", "kinds", "formats"],
)
def test_no_row_of_a_family_is_forgotten_in_its_table(package, sort, table):
    assert set(rows_of(package, sort)) == set(table.rows)


FACETS = [(kind, facet) for kind in KINDS.rows.values() for facet in kind.facets.values()]


@pytest.mark.parametrize(("kind", "facet"), FACETS, ids=[f"{kind.name}.{facet.name}" for kind, facet in FACETS])
def test_every_facet_says_what_it_is_and_what_reading_it_takes(kind, facet):
    assert facet.doc.en.endswith(".")
    assert japanese(facet.doc.ja)
    assert japanese(kind.doc.ja)
    assert facet.permissions or not facet.calls
    assert all(
        re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z]+", action) for action in (*facet.permissions, *facet.write_permissions)
    )
    assert all(re.fullmatch(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]+", call) for call in facet.calls)
    assert bool(facet.write) == bool(facet.write_permissions)


def test_every_kind_stands_at_a_node_and_every_format_has_its_sentence():
    assert {kind for kinds in NODES.values() for kind in kinds} == set(KINDS.rows)
    assert all(row.doc.en and japanese(row.doc.ja) for row in FORMATS.rows.values())


def test_the_page_of_all_rules_is_current():
    written = (ROOT / "rules" / "README.md").read_text(encoding="utf-8")
    assert written == index(RULES), "make it anew: auditor rules docs > rules/README.md"


def test_the_schema_of_rules_is_current():
    written = (ROOT / "rules" / "schema" / "rule.json").read_text(encoding="utf-8")
    assert written == as_text(rule_schema()), "make it anew: auditor rules schema -o rules/schema/rule.json"
    for name in ("rule", "pack", "pipeline"):
        Draft202012Validator.check_schema(
            json.loads((ROOT / "rules" / "schema" / f"{name}.json").read_text(encoding="utf-8"))
        )


@pytest.mark.parametrize("path", MODULES, ids=NAMES)
def test_a_module_opens_with_a_sentence_and_is_read_in_a_sitting(path):
    said = ast.get_docstring(TREES[path])
    assert said, "say what it is for"
    assert said.split("\n\n")[0].rstrip().endswith("."), said
    lines = len(path.read_text(encoding="utf-8").splitlines())
    name = str(path.relative_to(ROOT))
    assert lines <= LINES or name in LONG_FILES, f"{lines} lines"
    assert lines > LINES or name not in LONG_FILES, "it is no exception any more"


def test_functions_fit_on_a_screen():
    found = {
        f"{path.relative_to(ROOT)}:{node.name}": _length(node)
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    long = {name: length for name, length in found.items() if length > FUNCTION}
    assert long.keys() == LONG_FUNCTIONS.keys(), long


def _length(node):
    """Return the lines of a function without its decorators, its signature and its docstring."""
    body = node.body[1:] if ast.get_docstring(node) and len(node.body) > 1 else node.body
    return body[-1].end_lineno - body[0].lineno + 1


def test_no_text_is_without_its_twin():
    lonely = []
    for path, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Text":
                texts = [*node.args, *(keyword.value for keyword in node.keywords)]
                said = [one.value for one in texts if isinstance(one, ast.Constant)]
                if any(isinstance(one, ast.Starred) for one in texts):
                    continue
                if len(texts) != 2 or (len(said) == 2 and bool(said[0]) != bool(said[1])):
                    lonely.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert lonely == []


def test_every_rule_is_told_in_both_languages():
    for rule in RULES:
        texts = [
            rule.title,
            rule.why,
            *([part for part in (rule.fix.cost, rule.fix.steps) if part] if rule.fix else []),
        ]
        assert all(text.en and japanese(text.ja) for text in texts), rule.id
        assert not any(re.search(r"[\u3040-\u9fff] [\u3040-\u9fff]", text.ja) for text in texts), rule.id


def test_every_package_is_shipped():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    listed = set(config["options"]["packages"].split())
    real = {".".join(path.parent.relative_to(ROOT).parts) for path in MODULES if path.name == "__init__.py"}
    assert real <= listed, real - listed
    assert listed - real == {"auditor.rules", "auditor.reports"}


def test_every_command_exists():
    for name, (module, short) in COMMANDS.items():
        assert short.endswith(".")
        assert hasattr(import_module(f"auditor.cli.{module}"), f"{name}_command"), name


def test_nothing_is_called_by_a_word_that_says_nothing():
    empty = {"utils", "util", "helpers", "helper", "manager", "common", "misc", "base"}
    assert [name for name in NAMES if Path(name).stem in empty] == []


def test_nothing_speaks_of_the_machine_it_was_written_on():
    places = [
        f"/{first}/{second}"
        for first, second in (("work", "main"), ("work", "shared"), ("root", ""), ("home", "runner"))
    ]
    told = [
        str(path.relative_to(ROOT))
        for folder in ("auditor", "rules", "reports", "tests")
        for path in (ROOT / folder).rglob("*")
        if path.is_file()
        and path.suffix in {".py", ".yaml", ".yml", ".json", ".md", ".html", ".toml", ".css", ".txt", ".xml"}
        if any(place in path.read_text(encoding="utf-8", errors="replace") for place in places)
    ]
    assert told == []
