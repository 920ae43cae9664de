"""A pipeline in which everything that somebody else could have written is hostile: answers, names, rules, reasons, snapshots."""

import json
import re
import unicodedata
from dataclasses import replace

import yaml

from auditor.cases import snapshot_of
from auditor.errors import Place
from auditor.model import Unread, Verdict
from auditor.pipeline import parse
from auditor.rule import Case
from auditor.sources.saved import dumps
from tests.faults.matrix import Entry
from tests.faults.world import pipeline_file

# Colours, a hyperlink, C1, bidi, zero width, another line, tags, and the orders of everything that shows or runs text.
EVIL = (
    "\x1b[31m\x1b]8;;http://evil\x07\x9b2J\u202e\u2066\u200b\u2028\x85\x7f\U000e0001|`=cmd()\r\n::error::x\n##[error]y\n"
    "<script>alert(1)</script><!channel>@everyone [a](http://evil) ]]> %0A"
)
XML_EVIL = re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f]", "", EVIL)
"""What of it an XML answer can hold."""
EVIL_CODE = "Denied\x9b2J|`=cmd##[error]"
"""What of it an error's code can hold, which stands in a header too."""
LONG = "x" * 10_000
_ORDER = re.compile(r"^\s*::(error|warning|notice|add-mask|stop-commands)\b|##\[|##vso\[", re.MULTILINE)
# What looks like text and is none.
_STEERING = {"Cc", "Cf", "Cs", "Zl", "Zp"}


def controls(text, allowed="\n"):
    """Return what in a text would steer the terminal that shows it."""
    return sorted({ascii(char) for char in text if char not in allowed and unicodedata.category(char) in _STEERING})


def steering(text, allowed="\n"):
    """Return what in a text would steer the terminal, or the CI system, that shows it."""
    return controls(text, allowed) + [hit[0] for hit in _ORDER.finditer(text)]


def yaml_string(text):
    return yaml.safe_dump(text, default_style='"', width=10**9).strip()


def poisoned(value):
    if isinstance(value, dict):
        return {
            key: f"{EVIL}{part}"
            if key in {"Sid", "ID", "Id", "Description"} and isinstance(part, str)
            else poisoned(part)
            for key, part in value.items()
        }
    return [poisoned(part) for part in value] if isinstance(value, list) else value


def snapshots():
    """Return two looks at the pipeline that differ."""
    documents = Entry("hostile", "test").given()
    for node in documents.values():
        for facet in [name for name in node if name[0].isupper()] if isinstance(node, dict) else ():
            node[facet] = poisoned(node[facet])
    statement = {"Sid": EVIL, "Effect": "Allow", "Action": EVIL, "Resource": EVIL, "Condition": {EVIL: {EVIL: EVIL}}}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    documents["replication_role"]["InlinePolicies"] = {EVIL: policy, LONG: policy}
    documents["source_bucket"]["Policy"] = {"Version": "x", "Statement": [{**statement, "Principal": {"AWS": EVIL}}]}
    documents["source_bucket"]["Versioning"] = {"Status": EVIL}
    (declared,) = parse(pipeline(), "pipeline.yaml")
    made = replace(snapshot_of(Case("hostile", documents, Verdict.PASS, Place("hostile.yaml"))), pipeline=declared)
    at = made.resources["destination_bucket"]
    unread = {"Lifecycle": Unread(EVIL, EVIL, EVIL), "Policy": Unread(EVIL)}
    facets = {name: one for name, one in at.facets.items() if name not in unread}
    made = replace(made, resources={**made.resources, "destination_bucket": replace(at, facets=facets, unread=unread)})
    later = made.resources["source_bucket"]
    other = replace(later, facets={**later.facets, "Versioning": {"Status": "Enabled", EVIL: EVIL}})
    return made, replace(made, resources={**made.resources, "source_bucket": other})


def pipeline():
    waiver = {"rule": "versioning-enabled", "pipeline": "orders", "node": "destination_bucket", "reason": EVIL}
    text = pipeline_file(Entry("hostile", "test").given(), {})
    waiver = ", ".join(f"{key}: {yaml_string(value)}" for key, value in {**waiver, "owner": EVIL}.items())
    return f"{text}waivers:\n  - {{{waiver}, until: 2999-01-01}}\n"


def rule():
    """Return a rule whose every free text is hostile, and which fails."""
    text = {"en": EVIL, "ja": EVIL}
    given = [({"Versioning": {"Status": word}}, said) for word, said in (("Enabled", "pass"), ("Suspended", "fail"))]
    given.append(({"unread": {"Versioning": EVIL}}, "unknown"))
    return {
        "id": "own-rule",
        "title": text,
        "severity": "critical",
        "subject": "source_bucket",
        "tags": ["own"],
        "why": text,
        "check": [{"at": "Versioning.Status", "equals": "Enabled"}],
        "fix": {
            "safety": "safe",
            "cost": text,
            "steps": text,
            "edits": [{"facet": "Versioning", "merge": {"Status": "Enabled"}}],
        },
        "references": ["https://example.com/x"],
        "tests": [
            {"name": f"{said} {EVIL}", "given": {"source_bucket": facets}, "expect": said} for facets, said in given
        ],
    }


def lay_out(folder):
    """Write the files: pipeline.yaml, night.json, later.json, own/own-rule.yaml, wrong/own-rule.yaml, policy.json."""
    first, second = snapshots()
    files = {
        "pipeline.yaml": pipeline(),
        "night.json": dumps([first]),
        "later.json": dumps([second]),
        "own/own-rule.yaml": yaml.safe_dump(rule()),
        "wrong/own-rule.yaml": yaml.safe_dump({**rule(), "id": EVIL, "severity": EVIL, EVIL: EVIL}),
        "wrong.yaml": yaml.safe_dump(
            {"version": 1, "accounts": {EVIL: {"id": EVIL}}, "pipelines": {EVIL: {EVIL: EVIL}}}
        ),
        "policy.json": json.dumps(
            {"Version": "2012-10-17", "Statement": [{"Sid": EVIL, "Effect": "Deny", "Action": "*", "Resource": "*"}]}
        ),
        f"{EVIL.replace('/', '')[:40]}.json": dumps([first]),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
