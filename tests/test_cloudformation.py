"""CloudFormation templates as a source: what is known of a pipeline before it is deployed, and what is not."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from auditor.files import load_yaml
from auditor.kinds import KINDS
from auditor.kinds.cloudformation import SPELLINGS
from auditor.model import Unread
from auditor.pipeline import parse
from auditor.scope import Scope
from auditor.sources import cloudformation

FOLDER = Path(__file__).parent / "templates"
HEAD = """\
version: 1
accounts:
  production: {id: "111122223333", region: ap-northeast-1}
  analytics: {id: "444455556666", region: eu-west-1}
pipelines:
  orders:
"""
CASES = [case for file in ("values", "nodes") for case in load_yaml(FOLDER / "cases" / f"{file}.yaml").value]


def pipeline(nodes):
    lines = []
    for name, said in nodes.items():
        node = said if isinstance(said, dict) else {"name": said}
        lines.append(f"    {name}: {json.dumps({'account': 'production', **node})}\n")
    (one,) = parse(HEAD + "".join(lines), "pipeline.yaml")
    return one


def snapshot(folder, templates, nodes, parameters=None, files=()):
    """Return a pipeline as templates (text by file name) make it, with every facet read."""
    paths = []
    for name, text in templates.items():
        paths.append(folder / name)
        paths[-1].write_text(text)
    one = pipeline(nodes)
    needs = {"orders": [(name, facet) for name, node in one.nodes.items() for facet in KINDS[node.kind].facets]}
    given = SimpleNamespace(parameters=parameters or {}, parameter_files=files)
    (made,) = cloudformation.read([one], needs, paths, given)
    return made


def found(made, route):
    return Scope(made, route.split(".")[0]).find(route).value


def agrees(value, wanted):
    """Compare a value, which may be unread, with what a case expects."""
    if isinstance(wanted, dict) and "unread" in wanted:
        return isinstance(value, Unread) and value.reason == wanted["unread"] and wanted.get("says", "") in value.detail
    if isinstance(wanted, dict) and isinstance(value, dict):
        return wanted.keys() == value.keys() and all(agrees(value[key], part) for key, part in wanted.items())
    return value == wanted and type(value) is type(wanted)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_template_says(tmp_path, case):
    templates = case.get("templates") or {"template.yaml": case["template"]}
    made = snapshot(tmp_path, templates, case["nodes"], case.get("parameters"))
    for route, wanted in case["expect"].items():
        assert agrees(found(made, route), wanted), (route, found(made, route))


def test_every_kind_and_facet_has_a_spelling():
    assert {name: list(kind.facets) for name, kind in KINDS.items()}.keys() == SPELLINGS.keys()
    for name, spelling in SPELLINGS.items():
        assert set(spelling.facets) == set(KINDS[name].facets), name
