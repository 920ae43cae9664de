"""The language server over its real protocol, and the outline of half-typed text that it rests on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.files import parse_yaml, shipped
from auditor.lsp.outline import MARK, at, outline

BASE = (Path(__file__).parent / "rules" / "base.yaml").read_text(encoding="utf-8")
PIPELINE = """version: 1
accounts:
  production: {id: "111122223333", region: ap-northeast-1}
  analytics:
    id: "444455556666"
    region: ap-northeast-1
pipelines:
  orders:
    table: {account: production, name: my-table}
    destination_bucket: {account: analytics, name: orders-analytics}
waivers:
  - {rule: pitr-enabled, pipeline: orders, reason: being moved, owner: data-team, until: 2027-03-31}
"""


class Editor:
    """An editor that speaks JSON-RPC to `auditor lsp` over its standard streams."""

    def __init__(self, folder, *options):
        command = [sys.executable, "-m", "auditor", "lsp", "--lang", "en", *options]
        self.process: subprocess.Popen = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder
        )
        self.folder = folder
        self.number = 0
        self.told = []

    def send(self, message):
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        self.process.stdin.flush()

    def receive(self):
        length = 0
        while line := self.process.stdout.readline().strip():
            name, _, value = line.partition(b":")
            length = int(value) if name.lower() == b"content-length" else length
        assert length, self.process.stderr.read().decode()
        return json.loads(self.process.stdout.read(length))

    def ask(self, method, **params):
        self.number += 1
        self.send({"id": self.number, "method": method, "params": params})
        while (answer := self.receive()).get("id") != self.number or "method" in answer:
            self.told.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def tell(self, method, **params):
        self.send({"method": method, "params": params})

    def uri(self, name):
        return (self.folder / name).as_uri()

    def open(self, name, text):
        self.text = text
        self.tell(
            "textDocument/didOpen",
            textDocument={"uri": self.uri(name), "languageId": "yaml", "version": 1, "text": text},
        )
        return self.diagnostics(name)

    def change(self, name, text, version=2):
        self.text = text
        self.tell(
            "textDocument/didChange",
            textDocument={"uri": self.uri(name), "version": version},
            contentChanges=[{"text": text}],
        )
        return self.diagnostics(name)

    def diagnostics(self, name):
        while True:
            one = self.told.pop(0) if self.told else self.receive()
            if one.get("method") == "textDocument/publishDiagnostics" and one["params"]["uri"] == self.uri(name):
                return one["params"]["diagnostics"]

    def position(self, needle, after=0):
        """Return the place of a text, as UTF-16 units, `after` characters into it."""
        index = self.text.index(needle) + after
        line = self.text.count("\n", 0, index)
        start = self.text.rfind("\n", 0, index) + 1
        return {"line": line, "character": len(self.text[start:index].encode("utf-16-le")) // 2}

    def hover(self, name, needle, after=1):
        answer = self.ask(
            "textDocument/hover", textDocument={"uri": self.uri(name)}, position=self.position(needle, after)
        )
        return answer and answer["contents"]["value"]

    def complete(self, name, needle):
        """Return what may stand at the end of a text: label to the text that is put there."""
        where = (
            self.position(needle, len(needle))
            if self.text.count(needle) == 1
            else self.position(self.text, len(self.text))
        )
        answer = self.ask("textDocument/completion", textDocument={"uri": self.uri(name)}, position=where)
        return {item["label"]: item["textEdit"] for item in answer["items"]}

    def define(self, name, needle):
        where = {"textDocument": {"uri": self.uri(name)}, "position": self.position(needle, 1)}
        return self.ask("textDocument/definition", **where)

    def leave(self):
        self.ask("shutdown")
        self.tell("exit")
        _, said = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, said.decode()


@pytest.fixture(scope="module")
def editor(tmp_path_factory):
    one = Editor(tmp_path_factory.mktemp("editor"))
    capable = one.ask("initialize", processId=None, rootUri=None, capabilities={})["capabilities"]
    assert capable["hoverProvider"]
    assert capable["definitionProvider"]
    assert "." in capable["completionProvider"]["triggerCharacters"]
    one.tell("initialized")
    yield one
    one.leave()


def said(found):
    return [
        (one["range"]["start"]["line"] + 1, one["range"]["start"]["character"] + 1, one["message"]) for one in found
    ]


def test_a_right_rule_has_no_mistakes_and_what_no_test_notices_is_a_hint(editor):
    found = editor.open("base.yaml", BASE)
    assert all(one["severity"] == 3 and "No case notices" in one["message"] for one in found)
    assert any("`NoncurrentVersionExpiration.NoncurrentDays at_least` is gone" in one["message"] for one in found)


def test_mistakes_are_underlined_while_they_are_typed(editor):
    editor.open("base.yaml", BASE)
    found = editor.change("base.yaml", BASE.replace("equals: Enabled", "equal: Enabled"))
    assert said(found) == [(11, 5, "There is no predicate `equal`. Did you mean `equals`?")]
    assert found[0]["range"]["end"]["character"] == 9  # the word and no more
    assert found[0]["severity"] == 1
    assert found[0]["source"] == "auditor"
    assert editor.change("base.yaml", BASE, version=3) == []


def test_places_count_as_the_editor_counts(editor):
    text = BASE.replace("name: kept", 'name: "🪣 kept"').replace(
        "Versioning: {Status: Suspended}", 'Versioning: {MFADelete: "🪣", Status: Suspended}'
    )
    (found,) = editor.open("base.yaml", text)
    line = text.split("\n")[found["range"]["start"]["line"]]
    assert found["message"].startswith("AWS never says this: MFADelete has no value '🪣'.")
    start, end = found["range"]["start"]["character"], found["range"]["end"]["character"]
    assert line.encode("utf-16-le")[2 * start : 2 * end].decode("utf-16-le") == '"🪣"'


def test_broken_yaml_is_a_mistake_with_a_place(editor):
    ((line, _, message),) = said(editor.open("base.yaml", BASE.replace("tags: [team]", "tags: [team")))
    assert line in {5, 6}
    assert "bracket" in message


def test_a_case_that_does_not_hold_is_a_mistake_at_the_case(editor):
    found = editor.open("base.yaml", BASE.replace("Status: Suspended", "Status: Enabled"))
    assert [(line, message.partition(":")[0]) for line, _, message in said(found)] == [(33, "Case “suspended”")]


def test_a_pipeline_is_checked_and_a_waiver_of_no_rule_is_found(editor):
    assert editor.open("pipeline.yaml", PIPELINE) == []
    text = PIPELINE.replace("rule: pitr-enabled", "rule: pitr-enable").replace(
        "account: analytics", "account: analytic"
    )
    assert said(editor.change("pipeline.yaml", text)) == [
        (10, 35, "No account `analytic` is declared. Did you mean `analytics`?")
    ]
    text = PIPELINE.replace("rule: pitr-enabled", "rule: pitr-enable")
    assert said(editor.change("pipeline.yaml", text, version=3)) == [
        (12, 12, "No rule is called `pitr-enable`. Did you mean `pitr-enabled`?")
    ]


def test_a_pack_is_checked(editor):
    assert said(editor.open("pack.yaml", 'name: acme\nversion: "1"\nauditor: ">=77"\n'))[0][:2] == (3, 10)


def test_what_is_no_file_of_ours_is_left_alone(editor):
    assert editor.open("compose.yaml", "services:\n  web: {image: nginx}\n") == []
    assert editor.hover("compose.yaml", "image") is None
    assert editor.complete("compose.yaml", "image: ") == {}


def test_closing_a_file_takes_back_what_was_said(editor):
    assert editor.open("base.yaml", BASE.replace("severity: high", "severity: top"))
    editor.tell("textDocument/didClose", textDocument={"uri": editor.uri("base.yaml")})
    assert editor.diagnostics("base.yaml") == []


@pytest.mark.parametrize(
    ("needle", "words"),
    [
        ("at_least", ["not below this one", "Parameter: a number", "at_least: 7"]),
        ("merge", ["Sets the given fields"]),
        (
            "Versioning.Status",
            ["`subject.Versioning.Status`: string (Enabled | Suspended)", "`s3:GetBucketVersioning`"],
        ),
        ("destination_bucket.Lifecycle", ["`destination_bucket.Lifecycle.Rules`: list"]),
        ("Status, one_of", ["`destination_bucket.Lifecycle.Rules[0].Status`: string (Enabled | Disabled)"]),
        ("intent.delete_markers", ["Whether a deletion in the source shall also hide the replica."]),
        ("source_bucket, dest", ["`s3.bucket`, An S3 general purpose bucket."]),
        ("severity", ["How much a failure matters."]),
        ("Versioning: {Status: Suspended", ["Versioning"]),
        ("Status: Suspended", ["`Status`: string (Enabled | Suspended)"]),
        ("safety", ["safe: protects and loses nothing."]),
    ],
)
def test_hovering_explains_the_word(editor, needle, words):
    editor.open("base.yaml", BASE)
    text = editor.hover("base.yaml", needle)
    assert [word for word in words if word not in text] == []


def test_hovering_explains_placeholders(editor):
    editor.open("base.yaml", BASE.replace('matches: "old-.*"', 'equals: "${destination_bucket.Versioning.Status}"'))
    assert "string (Enabled | Suspended)" in editor.hover("base.yaml", "${destination_bucket", after=5)


def test_hovering_explains_rules_and_accounts_in_pipelines(editor):
    editor.open("pipeline.yaml", PIPELINE)
    assert editor.hover("pipeline.yaml", "pitr-enabled").startswith(
        "# The exported table has point-in-time recovery on"
    )
    assert "id: `444455556666`" in editor.hover("pipeline.yaml", "analytics, name")
    assert "The DynamoDB table that is exported." in editor.hover("pipeline.yaml", "table:")


@pytest.mark.parametrize(
    ("old", "new", "offered", "inserted"),
    [
        ("at: Versioning.Status\n", "at: Vers", "Versioning", "Versioning"),
        ("at: Versioning.Status\n", "at: Versioning.", "Versioning.MFADelete", "Versioning.MFADelete"),
        ("at: Versioning.Status\n", "at: dest", "destination_bucket.", "destination_bucket."),
        ("at: Versioning.Status\n", "at: intent.", "intent.wake_on", "intent.wake_on"),
        (
            "in: destination_bucket.Lifecycle.Rules\n",
            "in: destination_bucket.Life",
            "destination_bucket.Lifecycle",
            None,
        ),
        (
            "{at: Status, one_of: [Enabled]}\n",
            "{at: NoncurrentVersionExpiration.",
            "NoncurrentVersionExpiration.NoncurrentDays",
            None,
        ),
        ("{at: Status, one_of: [Enabled]}\n", "{at: Status, one_of: [", "Disabled", "Disabled"),
        ("{at: Status, one_of: [Enabled]}\n", "{at: Status, one", "one_of", "one_of: "),
        ("    equals: Enabled\n", "    equals: S", "Suspended", "Suspended"),
        ("    equals: Enabled\n", "    eq", "equals", "equals: "),
        ('matches: "old-.*"}', 'matches: "${source_bucket.', "source_bucket.Arn", None),
        ('matches: "old-.*"}', 'matches: "${', "replication_role.", None),
        ("severity: high\n", "severity: ", "critical", "critical"),
        ("subject: [source_bucket, destination_bucket]", "subject: [source_bucket, ", "replication_role", None),
        ("      merge: {Status: Enabled}\n", "      rai", "raise_to", "raise_to: "),
        ("      merge: {Status: Enabled}\n", "      merge: {", "MFADelete", "MFADelete: "),
        ("      merge: {Status: Enabled}\n", "      merge: {Status: ", "Suspended", "Suspended"),
        ("    - facet: Versioning\n", "    - facet: Li", "Lifecycle", "Lifecycle"),
        ("        Policy: null\n", "        Enc", "Encryption", "Encryption: "),
        ("        Versioning: {Status: Enabled}\n", "        Versioning: {", "Status", "Status: "),
        ("    expect: unknown", "    expect: ", "not_applicable", "not_applicable"),
        ("references:", "para", "parameters", "parameters: "),
    ],
)
def test_what_may_be_written_is_offered(editor, old, new, offered, inserted):
    head, _, tail = BASE.partition(old)
    text = head + new + "\n" + tail
    editor.open("base.yaml", text)
    editor.text = head + new
    found = editor.complete("base.yaml", new)
    assert offered in found, sorted(found)[:20]
    edit = found[offered]
    assert edit["newText"] == (inserted or offered)
    assert edit["range"]["end"]["character"] == len(editor.text.rpartition("\n")[2])


def test_keys_that_are_there_already_are_not_offered(editor):
    editor.open("base.yaml", BASE)
    text = BASE.replace("references:", "s\nreferences:")
    editor.change("base.yaml", text)
    assert "severity" not in editor.complete("base.yaml", "\ns")


@pytest.mark.parametrize(
    ("old", "new", "offered"),
    [
        ("rule: pitr-enabled", "rule: ", "versioning-enabled"),
        ("account: analytics", "account: ", "production"),
        ("pipeline: orders", "pipeline: ", "orders"),
        ("    table: {", "    rep", "replication_role"),
        ("name: my-table", "reg", "region"),
        ("region: ap-northeast-1}\n", "prof", "profile"),
    ],
)
def test_a_pipeline_is_completed(editor, old, new, offered):
    head, _, tail = PIPELINE.partition(old)
    editor.open("pipeline.yaml", head + new + "\n" + tail)
    editor.text = head + new
    assert offered in editor.complete("pipeline.yaml", new)


def test_a_waiver_leads_to_the_file_of_its_rule(editor):
    editor.open("pipeline.yaml", PIPELINE)
    found = editor.define("pipeline.yaml", "pitr-enabled")
    assert found["uri"].endswith("/dynamodb/pitr-enabled.yaml")
    assert found["range"]["start"] == {"line": 0, "character": 4}


def test_an_account_and_a_pipeline_lead_to_their_declaration(editor):
    editor.open("pipeline.yaml", PIPELINE)
    assert editor.define("pipeline.yaml", "analytics, name")["range"]["start"] == {"line": 3, "character": 2}
    assert editor.define("pipeline.yaml", "orders, reason")["range"]["start"] == {"line": 7, "character": 2}
    assert editor.define("pipeline.yaml", "my-table") is None


def test_own_rules_are_known_and_read_again_when_saved(tmp_path):
    rules = tmp_path / "rules"
    rules.mkdir()
    one = Editor(tmp_path, "--rules", str(rules))
    one.ask("initialize", processId=None, rootUri=None, capabilities={})
    one.tell("initialized")
    text = PIPELINE.replace("rule: pitr-enabled", "rule: base")
    assert said(one.open("pipeline.yaml", text))[0][2].startswith("No rule is called `base`.")
    (rules / "base.yaml").write_text(BASE, encoding="utf-8")
    one.tell("textDocument/didSave", textDocument={"uri": one.uri("pipeline.yaml")})
    assert one.diagnostics("pipeline.yaml") == []
    assert one.define("pipeline.yaml", "base")["uri"] == (rules / "base.yaml").as_uri()
    one.leave()


def paths(value, path=()):
    if isinstance(value, dict):
        for key, part in value.items():
            yield (*path, key)
            yield from paths(part, (*path, key))
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from paths(part, (*path, index))


RULES = [
    file
    for area in shipped("rules").iterdir()
    if area.is_dir() and area.name not in {"schema", "templates"}
    for file in area.iterdir()
]


@pytest.mark.parametrize("file", RULES, ids=lambda file: file.name)
def test_the_outline_of_a_whole_file_is_what_the_parser_says(file):
    text = file.read_text(encoding="utf-8")
    real = list(paths(parse_yaml(text, file.name).value))
    found = [entry.path for entry in outline(text) if entry.place == "key"]
    if "*" not in text:
        assert found == real
    assert set(found) <= set(real)  # an alias repeats what stands elsewhere


@settings(deadline=None)
@given(st.text(alphabet="ab:- {}[],'\"#|>\n", max_size=60), st.data())
def test_any_text_has_an_outline_and_a_cursor(text, data):
    lines = text.split("\n")
    for entry in outline(text):
        assert lines[entry.line][entry.column :].startswith(entry.text)
    line = data.draw(st.integers(0, len(lines) - 1))
    column = data.draw(st.integers(0, len(lines[line])))
    entry, before = at(text, line, column)
    assert MARK not in entry.text
    assert lines[line][:column].endswith(before) or entry.place == "nothing"
