"""Pipeline files: what the right ones become, and what is said of the wrong ones."""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from auditor.errors import InputError, PipelineError, Place
from auditor.files import load_json, shipped
from auditor.model import NODES
from auditor.pipeline import load, parse, schema, unknown_rules
from auditor.pipeline.names import FORMS

CASES = Path(__file__).parent / "pipelines"
ORDERS = (CASES / "orders.yaml").read_text(encoding="utf-8")
RIGHT = yaml.safe_load((CASES / "right.yaml").read_text(encoding="utf-8"))
WRONG = yaml.safe_load((CASES / "wrong.yaml").read_text(encoding="utf-8"))


def text_of(case) -> str:
    if "text" in case:
        return case["text"]
    assert ORDERS.count(case["old"]) == 1
    return ORDERS.replace(case["old"], case["new"])


def said(call, *arguments, **options) -> list[str]:
    with pytest.raises(PipelineError) as caught:
        call(*arguments, **options)
    return [str(mistake) for mistake in caught.value.mistakes]


def title(case) -> str:
    return (case.get("new") or case.get("text") or "-")[:80]


def test_a_pipeline_file_becomes_a_pipeline():
    (orders,) = parse(ORDERS, "orders.yaml")
    assert orders.name == "orders"
    assert orders.place == Place("orders.yaml", 6, 3)
    assert {
        name: (node.kind, node.account.name, node.id, dict(node.settings)) for name, node in orders.nodes.items()
    } == {
        "table": ("dynamodb.table", "production", "my-table", {}),
        "exporter": ("iam.role", "production", "export-job", {}),
        "source_bucket": ("s3.bucket", "production", "orders-export", {"prefix": "exports/"}),
        "consumer": ("lambda.function", "production", "on-export", {}),
        "replication_role": ("iam.role", "production", "replication-source-role", {}),
        "destination_bucket": ("s3.bucket", "analytics", "orders-analytics", {}),
        "source_key": ("kms.key", "production", "alias/orders", {}),
        "destination_key": ("kms.key", "analytics", "1234abcd-12ab-34cd-56ef-1234567890ab", {}),
        "catalog_table": ("glue.table", "analytics", "lake/orders", {}),
    }
    assert list(orders.nodes) == list(NODES)
    assert orders.nodes["table"].place == Place("orders.yaml", 7, 5)
    assert orders.intent == {
        "wake_on": "exports",
        "delete_markers": "replicate",
        "replication_time_control": "required",
        "existing_objects": "replicate",
        "recovery_period_days": 35,
        "export_max_age_hours": 26,
    }
    production, analytics = orders.accounts["production"], orders.accounts["analytics"]
    assert (production.id, production.region, production.profile, production.assume_role) == (
        "111122223333",
        "ap-northeast-1",
        "production",
        None,
    )
    assert (analytics.profile, analytics.assume_role, analytics.external_id) == (
        None,
        "arn:aws:iam::444455556666:role/auditor",
        "orders-7",
    )
    assert production.place == Place("orders.yaml", 3, 3)
    (waiver,) = orders.waivers
    assert (
        waiver.rule,
        waiver.pipeline,
        waiver.node,
        waiver.reason,
        waiver.owner,
        waiver.until,
        waiver.fingerprint,
    ) == (
        "replication-time-control",
        "orders",
        "source_bucket",
        "Too dear",
        "data-team",
        date(2027, 3, 31),
        None,
    )
    assert waiver.place == Place("orders.yaml", 24, 5)


def test_secrets_are_not_shown():
    (orders,) = parse(ORDERS, "f")
    assert "orders-7" not in repr(orders)
    assert all(
        "s3cret word" not in sentence for sentence in said(parse, ORDERS.replace("orders-7", "s3cret word"), "f")
    )


@pytest.mark.parametrize("case", RIGHT, ids=title)
def test_every_right_way_to_write_it_is_understood(case):
    pipelines = parse(text_of(case), "f")
    if "node" in case:
        node = pipelines[0].nodes[case["node"]["name"]]
        assert {
            "name": node.name,
            "kind": node.kind,
            "account": node.account.name,
            "id": node.id,
            "settings": dict(node.settings),
            "addresses": dict(node.addresses),
        } == case["node"]


@pytest.mark.parametrize("case", WRONG, ids=title)
def test_every_mistake_is_said_in_a_sentence_at_its_place(case):
    wanted = [f"f:{sentence}" for sentence in case["says"]]
    assert said(parse, text_of(case), "f") == wanted


def test_no_wrong_file_is_spoken_of_in_jargon():
    for case in WRONG:
        for sentence in case["says"]:
            assert not any(word in sentence for word in ("schema", "propert", "None", "Traceback", "{'", "deque"))
            assert sentence.endswith((".", "?"))


# Waivers


def waivers_of(text):
    return {pipeline.name: [waiver.rule for waiver in pipeline.waivers] for pipeline in parse(text, "f")}


TWO = """\
version: 1
accounts: {a: {id: "111122223333", region: us-east-1}}
pipelines:
  one: {table: {account: a, name: one}, source_bucket: {account: a, name: first-bucket}}
  two: {table: {account: a, name: two}}
waivers:
"""


def test_a_waiver_goes_to_the_pipeline_that_it_names_or_to_all_of_its_file():
    rows = [
        "  - {rule: everywhere, reason: r, owner: o, until: 2027-01-01}",
        "  - {rule: here, pipeline: two, reason: r, owner: o, until: 2027-01-01}",
        "  - {rule: there, node: source_bucket, reason: r, owner: o, until: 2027-01-01}",
    ]
    assert waivers_of(TWO + "\n".join(rows)) == {"one": ["everywhere", "there"], "two": ["everywhere", "here", "there"]}


def test_a_waiver_for_a_node_that_its_pipeline_lacks_is_a_mistake():
    row = "  - {rule: there, pipeline: two, node: source_bucket, reason: r, owner: o, until: 2027-01-01}"
    assert said(parse, TWO + row, "f") == [
        "f:7:40: The pipeline `two` has no node `source_bucket`. There is only `table`."
    ]


def test_waivers_differ_by_what_they_depend_on():
    rows = [
        "  - {rule: r, reason: r, owner: o, until: 2027-01-01, only_while: {source_bucket.Versioning.Status: Suspended}}",
        "  - {rule: r, reason: r, owner: o, until: 2027-01-01, only_while: {source_bucket.Versioning.Status: Enabled}}",
    ]
    pipeline = parse(TWO + "\n".join(rows), "f")[0]
    assert [waiver.only_while for waiver in pipeline.waivers] == [
        {"source_bucket.Versioning.Status": "Suspended"},
        {"source_bucket.Versioning.Status": "Enabled"},
    ]


def test_waivers_of_unknown_rules_are_told_once_with_the_nearest_rule():
    rows = [
        "  - {rule: pitr-enable, reason: r, owner: o, until: 2027-01-01}",
        "  - {rule: pitr-enabled, pipeline: one, reason: r, owner: o, until: 2027-01-01}",
        "  - {rule: something-else, pipeline: one, reason: r, owner: o, until: 2027-01-01}",
        "  - {fingerprint: 0123456789abcdef0123456789abcdef, reason: r, owner: o, until: 2027-01-01}",
    ]
    mistakes = unknown_rules(parse(TWO + "\n".join(rows), "f"), ["pitr-enabled", "tls-only"])
    assert [str(mistake) for mistake in mistakes] == [
        "f:7:5: No rule is called `pitr-enable`. Did you mean `pitr-enabled`?",
        "f:9:5: No rule is called `something-else`. `auditor rules list` shows all of them.",
    ]


# Further words of intent


def test_rules_may_add_words_to_intent():
    more = {"max_objects": {"type": "integer", "minimum": 1}, "wake_on": {"const": "never"}}
    text = ORDERS.replace("wake_on: exports", "wake_on: exports\n      max_objects: 5")
    known = (parse(text, "f", intent=more)[0].intent.keys() - {"max_objects"}) | {"organization_policies"}
    assert len(known) == 7
    assert said(parse, text, "f") == [
        "f:18:7: Unknown key `max_objects`. There are " + ", ".join(f"`{word}`" for word in sorted(known)) + "."
    ]
    assert said(parse, text.replace("max_objects: 5", "max_objects: 0"), "f", intent=more) == [
        "f:18:20: `max_objects` must be at least 1, not 0."
    ]
    assert said(parse, text.replace("max_objects", "max_object"), "f", intent=more) == [
        "f:18:7: Unknown key `max_object`. Did you mean `max_objects`?"
    ]
    assert "max_objects" not in schema()["$defs"]["intent"]["properties"]


# Files and folders


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def small(name: str, account: str = 'a: {id: "111122223333", region: us-east-1}', user: str = "a") -> str:
    return f"version: 1\naccounts:\n  {account}\npipelines:\n  {name}: {{table: {{account: {user}, name: {name}-table}}}}\n"


def test_folders_are_read_in_the_order_of_names(tmp_path):
    write(tmp_path / "b.yaml", small("second"))
    write(tmp_path / "a.yml", small("first"))
    write(tmp_path / "sub" / "deep" / "c.yaml", small("third"))
    write(tmp_path / ".hidden.yaml", "not: read")
    write(tmp_path / ".git" / "x.yaml", "not: read")
    write(tmp_path / "notes.txt", "not read")
    (tmp_path / "again").symlink_to(tmp_path)
    assert [pipeline.name for pipeline in load([tmp_path])] == ["first", "second", "third"]
    assert [pipeline.name for pipeline in load([tmp_path / "b.yaml", tmp_path])] == ["second", "first", "third"]
    (first,) = load([tmp_path / "a.yml"])
    assert first.place == Place(str(tmp_path / "a.yml"), 5, 3)


def test_all_mistakes_of_all_files_are_said_at_once(tmp_path):
    one = write(tmp_path / "1.yaml", small("first").replace("version: 1", "version: 2"))
    two = write(tmp_path / "2.yaml", "a: [")
    three = write(tmp_path / "3.yaml", small("third").replace("name:", "nmae:"))
    empty = tmp_path / "none"
    empty.mkdir()
    assert said(load, [one, two, three, empty, tmp_path / "gone.yaml"]) == [
        f"{one}:1:10: `version` must be `1`, not `2`.",
        f"{two}:1:4: A bracket is opened here and never closed.",
        f"{three}:5:31: Unknown key `nmae`. Did you mean `name`?",
        f"{empty}: The folder holds no `*.yaml` or `*.yml` file. Name another one.",
        f"{tmp_path / 'gone.yaml'}: There is no such file.",
    ]


def test_a_pipeline_may_be_declared_once(tmp_path):
    one = write(tmp_path / "1.yaml", small("orders"))
    two = write(tmp_path / "2.yaml", small("orders"))
    assert said(load, [tmp_path]) == [f"{two}:5:3: The pipeline `orders` is declared already at {one}:5:3. Rename one."]


def test_an_account_name_means_one_account(tmp_path):
    one = write(tmp_path / "1.yaml", small("first"))
    two = write(tmp_path / "2.yaml", small("second", 'a: {id: "444455556666", region: us-east-1}'))
    assert said(load, [tmp_path]) == [
        f"{two}:3:3: The account `a` is 444455556666 here, but 111122223333 at {one}:3:3. Rename one, or correct its id."
    ]
    write(two, small("second", 'a: {id: "111122223333", region: eu-west-1}'))
    assert [pipeline.nodes["table"].account.region for pipeline in load([tmp_path])] == ["us-east-1", "eu-west-1"]


def test_nothing_to_load_is_nothing():
    assert load([]) == ()


# Names and schemas


def test_every_kind_that_may_stand_at_a_node_can_be_named():
    assert {kind for kinds in NODES.values() for kind in kinds} == set(FORMS)


def test_every_node_and_every_property_is_described_for_editors():
    def undescribed(part, path):
        if isinstance(part, dict):
            for name, inner in (part.get("properties") or {}).items():
                if isinstance(inner, dict) and "description" not in inner and "$ref" not in inner:
                    yield f"{path}.{name}"
            for name, inner in part.items():
                yield from undescribed(inner, f"{path}.{name}")
        elif isinstance(part, list):
            for index, inner in enumerate(part):
                yield from undescribed(inner, f"{path}[{index}]")

    for name in ("pipeline.json", "rule.json"):
        document = load_json(shipped("rules") / "schema" / name).value
        Draft202012Validator.check_schema(document)
        assert list(undescribed(document, name)) == []
    properties = schema()["$defs"]["pipeline"]["properties"]
    assert set(properties) == {*NODES, "intent"}
    assert schema()["$defs"]["waiver"]["properties"]["node"]["enum"] == list(NODES)


# Whatever is written


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_a_pipeline_or_refused(text):
    with pytest.raises(InputError):
        parse(text, "f")


SHAPE = yaml.safe_load(ORDERS)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 10**13)
    | st.text(max_size=12)
    | st.sampled_from(
        ["arn:aws:s3:::b", "arn:", "alias/", "a" * 300, "production", "::::::", "arn:aws:iam::1:role/", "\n"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["account", "name", "rule", "id", "x", ""]), inner, max_size=3)
    ),
    max_leaves=6,
)


def everywhere(value, path=()):
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from everywhere(inner, (*path, key))


@settings(max_examples=500, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(everywhere(SHAPE), key=str)), ANYTHING), min_size=1, max_size=3))
def test_anything_anywhere_is_understood_or_refused_at_its_place(changes):
    document = copy.deepcopy(SHAPE)
    document["waivers"][0]["until"] = "2027-03-31"
    for path, value in changes:
        part = document
        for step in path[:-1]:
            part = part.get(step) if isinstance(part, dict) else None
        if path and isinstance(part, dict):
            part[path[-1]] = value
    text = json.dumps(document, indent=1, ensure_ascii=False)
    try:
        pipelines = parse(text, "f")
    except PipelineError as error:
        lines = text.count("\n") + 1
        for mistake in error.mistakes:
            assert mistake.place.line <= lines
            assert mistake.sentence.endswith(".")
            assert str(mistake).isprintable()
    else:
        for pipeline in pipelines:
            for node in pipeline.nodes.values():
                assert node.kind in NODES[node.name]
                assert node.id or node.addresses
                assert node.id.isprintable()
