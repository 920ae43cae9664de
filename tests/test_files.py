"""Strict YAML and JSON, schema sentences, and files on disk."""

from __future__ import annotations

import errno
import json
import os
import socket
import stat
import threading
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from auditor.errors import InputError, Mistake, Place, UsageError
from auditor.files import (
    Document,
    closest,
    did_you_mean,
    load_json,
    load_yaml,
    parse_json,
    parse_yaml,
    path_of,
    read_text,
    route_of,
    schema_mistakes,
    shipped,
    shown,
    write_atomic,
)
from auditor.files.json_spots import spots
from auditor.files.json_text import _JsonReading

CASES = Path(__file__).parent / "pipelines"
YAML_CASES = yaml.safe_load((CASES / "yaml.yaml").read_text(encoding="utf-8"))
JSON_CASES = yaml.safe_load((CASES / "json.yaml").read_text(encoding="utf-8"))
SCHEMA_CASES = yaml.safe_load((CASES / "schema.yaml").read_text(encoding="utf-8"))


def said(call, *arguments, **options) -> list[str]:
    with pytest.raises(InputError) as caught:
        call(*arguments, **options)
    return [str(mistake) for mistake in caught.value.mistakes]


def the_same(left, right) -> bool:
    return json.dumps(left) == json.dumps(right)


# YAML


@pytest.mark.parametrize("case", YAML_CASES["read"], ids=lambda case: repr(case["text"]))
def test_yaml_reads_only_plain_values(case):
    assert the_same(parse_yaml(case["text"], "f").value, case["value"])


@pytest.mark.parametrize("case", YAML_CASES["refused"], ids=lambda case: repr(case["text"])[:60])
def test_yaml_says_every_mistake_with_its_place(case):
    assert said(parse_yaml, case["text"], "f") == [f"f:{sentence}" for sentence in case["says"]]


@pytest.mark.parametrize("case", YAML_CASES["read"], ids=lambda case: repr(case["text"]))
def test_yaml_without_libyaml_reads_the_same(case, monkeypatch):
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert the_same(parse_yaml(case["text"], "f").value, case["value"])


@pytest.mark.parametrize("case", YAML_CASES["refused"], ids=lambda case: repr(case["text"])[:60])
def test_yaml_without_libyaml_refuses_the_same(case, monkeypatch):
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert said(parse_yaml, case["text"], "f")


def test_every_value_and_key_has_its_place():
    document = parse_yaml('a: 1\nb:\n  - x\n  - "c.d": {e: true}\n', "f")
    assert {route: str(place) for route, place in document.places.items()} == {
        "": "f:1:1",
        "a": "f:1:4",
        "b": "f:3:3",
        "b[0]": "f:3:5",
        "b[1]": "f:4:5",
        'b[1]["c.d"]': "f:4:12",
        'b[1]["c.d"].e': "f:4:16",
    }
    assert str(document.place('b[1]["c.d"].e')) == "f:4:16"
    assert str(document.place("b[0].far.away[3]")) == "f:3:5"
    assert str(document.place("nothing.here")) == "f:1:1"
    assert str(document.place(".")) == "f:1:1"
    assert str(document.place_of(("b", 1, "c.d"))) == "f:4:12"
    assert str(document.key_place(("b", 1, "c.d"))) == "f:4:5"
    assert str(document.key_place(("b", 1))) == "f:4:5"
    assert str(document.key_place(("b", 1, "gone"))) == "f:4:5"
    assert str(document.key_place(())) == "f:1:1"


def test_columns_count_characters_not_bytes():
    assert str(parse_yaml("あい: うえ\n日本: {x: 1}", "f").place("日本.x")) == "f:2:9"


def test_an_alias_is_a_copy_at_its_own_place():
    document = parse_yaml("a: &x {k: [1]}\nb: *x\n", "f")
    document.value["b"]["k"].append(2)
    assert document.value["a"] == {"k": [1]}
    assert (str(document.place("b")), str(document.place("b.k"))) == ("f:2:4", "f:1:11")


def test_aliases_unfold_within_a_bound():
    lines = ["a: &a [" + ", ".join(["x"] * 9) + "]"]
    lines += [
        f"{name}: &{name} [{', '.join([f'*{inner}'] * 9)}]"
        for inner, name in zip("abcdefghij", "bcdefghijk", strict=True)
    ]
    assert said(parse_yaml, "\n".join(lines), "f") == [
        "f:6:8: The aliases of this file unfold to more than 100,000 values. Use fewer of them."
    ]


def test_aliases_may_not_hide_depth():
    lines = ["a0: &a0 " + "[" * 30 + "]" * 30, "a1: &a1 " + "[" * 30 + "*a0" + "]" * 30, "a2: [[[[[*a1]]]]]"]
    assert said(parse_yaml, "\n".join(lines), "f") == [
        "f:3:10: Values are nested more than 64 levels deep. Flatten them."
    ]


def test_mistakes_are_counted_up_to_a_hundred():
    assert len(said(parse_yaml, "a: 1\n" * 500, "f")) == 100


TAGS = {
    "!Ref": lambda value: {"Ref": value},
    "!Sub": lambda value: {"Fn::Sub": value},
    "!GetAtt": lambda value: {"Fn::GetAtt": value.split(".", 1) if isinstance(value, str) else value},
    "!Join": lambda value: {"Fn::Join": value},
}


def test_tags_that_the_caller_knows_become_what_they_mean():
    text = "a: !Ref x\nb: !Join ['', [!Ref y, !Sub '${z}']]\nc: !GetAtt t.Arn\n1: !Ref 2\ntrue: x\n"
    document = parse_yaml(text, "f", tags=TAGS, any_keys=True)
    assert document.value == {
        "a": {"Ref": "x"},
        "b": {"Fn::Join": ["", [{"Ref": "y"}, {"Fn::Sub": "${z}"}]]},
        "c": {"Fn::GetAtt": ["t", "Arn"]},
        "1": {"Ref": "2"},
        "true": "x",
    }
    assert str(document.place_of(("b", "Fn::Join", 1, 1, "Fn::Sub"))) == "f:2:24"
    assert str(document.place_of(("a", "Ref"))) == "f:1:4"
    assert said(parse_yaml, "a: !Other x", "f", tags=TAGS) == [
        "f:1:4: The tag `!Other` is not allowed. Write the value without it."
    ]


def test_a_tag_may_object():
    def refuse(value):
        raise ValueError("`!GetAtt` needs a resource and an attribute.")

    assert said(parse_yaml, "a:\n  b: !GetAtt x", "f", tags={"!GetAtt": refuse}) == [
        "f:2:6: `!GetAtt` needs a resource and an attribute."
    ]


PATHOLOGICAL = {
    "brackets": "[" * 1_000_000,
    "braces": "{a: " * 300_000,
    "dashes": "- " * 500_000,
    "question marks": "? " * 500_000,
    "indentation": "\n".join(" " * depth + "a:" for depth in range(2000)),
    "exclamation marks": "!" * 500_000,
    "ampersands": "&a " * 300_000,
    "quote": "'" * 999_999,
    "double quote": '"' + "\\" * 999_999,
    "commas": "[" + "," * 500_000,
    "colons": ":" * 500_000 + " x: y",
    "percent": "%" * 500_000,
}


@pytest.mark.parametrize("text", PATHOLOGICAL.values(), ids=PATHOLOGICAL.keys())
def test_hostile_yaml_is_refused_with_few_words(text):
    sentences = said(parse_yaml, text, "f")
    assert len(sentences) == 1
    assert len(sentences[0]) < 200


def test_too_many_values_are_refused(monkeypatch):
    monkeypatch.setattr("auditor.files.yaml_text.NODES_AT_MOST", 100)
    assert said(parse_yaml, "[" + "1, " * 200 + "1]", "f") == [
        "f:1:299: The file holds too many values. Split it into several files."
    ]


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**9), 10**9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
YAMLISH = st.text(
    st.sampled_from(" \n\t:-?[]{}#&*!|>'\"%@`,.<=~0123456789abñ日\\/\r\x07\x85\u2028\ud800truefalsn"), max_size=60
)


@settings(max_examples=400, deadline=None)
@given(YAMLISH | st.text(max_size=60))
def test_any_text_is_read_or_refused_as_yaml(text):
    try:
        document = parse_yaml(text, "f")
    except InputError as error:
        assert error.mistakes
        assert all(mistake.place.line > 0 and mistake.place.column > 0 for mistake in error.mistakes)
    else:
        json.dumps(document.value, allow_nan=False)
        assert all(place.line > 0 for place in document.places.values())


@settings(max_examples=200, deadline=None)
@given(YAMLISH)
def test_any_text_is_read_or_refused_as_yaml_without_libyaml(text):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "__with_libyaml__", False)
        try:
            json.dumps(parse_yaml(text, "f").value, allow_nan=False)
        except InputError as error:
            assert error.mistakes


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [
                "a: ",
                "- ",
                "\n",
                "  ",
                "[",
                "]",
                "{",
                "}",
                "&x ",
                "*x",
                "<<: ",
                "!t ",
                "? ",
                ": ",
                "b",
                ", ",
                "'",
                '"',
                "|\n",
                "---\n",
                "...\n",
                "#",
            ]
        ),
        max_size=30,
    )
)
def test_any_heap_of_yaml_words_is_read_or_refused(words):
    try:
        json.dumps(parse_yaml("".join(words), "f").value, allow_nan=False)
    except InputError as error:
        assert error.mistakes


@settings(max_examples=200, deadline=None)
@given(JSON_VALUES)
def test_json_that_is_written_as_yaml_means_the_same(value):
    text = json.dumps(value)
    if "\\ud" not in text.lower():  # YAML knows no surrogate pairs
        read = parse_yaml(text, "f").value
        assert read == value or any(character in text for character in "\x7f\x85\u2028\u2029")


# JSON


@pytest.mark.parametrize("places", [True, False])
@pytest.mark.parametrize("case", JSON_CASES, ids=lambda case: repr(case["text"])[:60])
def test_json_says_every_mistake_with_its_place(case, places):
    assert said(parse_json, case["text"], "f", places=places) == [f"f:{sentence}" for sentence in case["says"]]


def test_json_has_places():
    document = parse_json('\ufeff{\n  "a": [1, {"b": null}],\n  "c.d": "x"\n}\n', "f")
    assert document.value == {"a": [1, {"b": None}], "c.d": "x"}
    assert {route: str(place) for route, place in document.places.items()} == {
        "": "f:1:1",
        "a": "f:2:8",
        "a[0]": "f:2:9",
        "a[1]": "f:2:12",
        "a[1].b": "f:2:18",
        '["c.d"]': "f:3:10",
    }
    assert str(document.key_place(("c.d",))) == "f:3:3"
    assert parse_json("{}", "f", places=False).places == {"": Place("f", 1, 1)}


@pytest.mark.parametrize("places", [True, False])
def test_json_nesting_is_bounded(places):
    assert parse_json("[" * 200 + "]" * 200, "f", places=places).value
    refused = ["f:1:201: Values are nested more than 200 levels deep. Flatten them."]
    assert said(parse_json, "[" * 201 + "]" * 201, "f", places=places) == refused
    assert said(parse_json, "[" * 1_000_000, "f", places=places) == refused
    assert said(parse_json, '{"a":' * 201 + "1" + "}" * 201, "f", places=places) == [
        "f:1:1001: Values are nested more than 200 levels deep. Flatten them."
    ]


@settings(max_examples=300, deadline=None)
@given(JSON_VALUES, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_json_reads_what_json_writes(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert parse_json(text, "f").value == value
    assert parse_json(text, "f", places=False).value == value


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from('[]{}:,"\\ \n019.eE+-truefalsn/u\x00\ud800日'), max_size=40) | st.text(max_size=40))
def test_any_text_is_read_or_refused_as_json_alike_fast_and_slow(text):
    try:
        slow = parse_json(text, "f").value
    except InputError as error:
        assert said(parse_json, text, "f", places=False) == [str(mistake) for mistake in error.mistakes]
    else:
        assert the_same(parse_json(text, "f", places=False).value, slow)
        assert the_same(json.loads(text.removeprefix("\ufeff")), slow)


# Routes


@given(st.lists(st.integers(0, 10**6) | st.text(max_size=8), max_size=6).map(tuple))
def test_a_route_leads_back_to_its_path(path):
    assert path_of(route_of(path)) == path


# Schemas


@pytest.mark.parametrize("case", SCHEMA_CASES, ids=lambda case: case["text"][:50])
def test_schema_mistakes_are_sentences(case):
    document = parse_yaml(case["text"], "f")
    assert [str(mistake) for mistake in schema_mistakes(document, case["schema"])] == [
        f"f:{one}" for one in case["says"]
    ]


JARGON = ("additional properties", "is not valid under", "is not of type", "does not match", "is a required property")


@settings(max_examples=150, deadline=None)
@given(JSON_VALUES)
def test_no_value_makes_the_shipped_schemas_speak_jargon(value):
    document = parse_json(json.dumps(value), "f")
    for name in ("pipeline.json", "rule.json"):
        for mistake in schema_mistakes(document, load_json(shipped("rules") / "schema" / name).value):
            assert not any(word in str(mistake).lower() for word in JARGON)
            assert mistake.sentence.endswith(".")
            assert "\n" not in str(mistake)


# Suggestions


def test_the_nearest_word_is_suggested():
    words = ["prefix", "name", "source_bucket", "destination_bucket"]
    assert closest("prefx", words) == "prefix"
    assert closest("Prefix", words) == "prefix"
    assert closest("source-bucket", words) == "source_bucket"
    assert closest("zebra", words) is None
    assert closest("x" * 1_000_000, words) is None
    assert closest("", words) is None
    assert closest("x", []) is None
    assert closest("ap-northeast", ["ap-northeast-3", "ap-northeast-1", "ap-northeast-2"]) == "ap-northeast-1"
    assert did_you_mean("nmae", words) == " Did you mean `name`?"
    assert did_you_mean("zebra", words) == " There are `destination_bucket`, `name`, `prefix`, `source_bucket`."
    assert did_you_mean("zebra", ["one"]) == " There is only `one`."
    assert did_you_mean("zebra", []) == ""
    assert did_you_mean("zebra", map(str, range(50))).endswith(", ….")


def test_shown_values_stay_on_one_printable_line():
    assert shown("a") == "`a`"
    assert shown("") == '`""`'
    assert shown(True) == "`true`"
    assert shown({"a": [1, None]}) == '`{"a": [1, null]}`'
    assert shown("a\nb\x1b[31m`c`") == "`a\\nb\\x1b[31m'c'`"
    assert len(shown("x" * 1000)) == 62


# Disk


def test_files_are_read_whole_and_named(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes("\ufeffa: あ\n".encode())
    assert load_yaml(path).value == {"a": "あ"}
    assert str(load_yaml(path, name="shown.yaml").place("a")) == "shown.yaml:1:4"
    (tmp_path / "a.json").write_text('{"a": 1}')
    assert load_json(tmp_path / "a.json").value == {"a": 1}
    assert load_json(shipped("rules") / "schema" / "pipeline.json").value["title"] == "auditor pipeline file"


def test_what_is_no_readable_text_file_is_refused_with_one_sentence(tmp_path):
    (tmp_path / "latin.yaml").write_bytes(b"a: b\nc: caf\xe9\n")
    (tmp_path / "nul.yaml").write_bytes(b"a: b\n\0")
    (tmp_path / "utf16.yaml").write_bytes("a: b".encode("utf-16"))
    (tmp_path / "big.yaml").write_bytes(b"#" * 101)
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "file").write_text("x")
    expected = {
        "latin.yaml": ":2:7: The file is not UTF-8 text. Save it as UTF-8.",
        "nul.yaml": ":2: The file holds a NUL character: it is no text file.",
        "utf16.yaml": ":1:1: The file is not UTF-8 text. Save it as UTF-8.",
        "big.yaml": ": The file is larger than 100 bytes. Split it, or check that it is the right file.",
        "loop": ": The symbolic links of this path run in a circle.",
        "dangling": ": There is no such file.",
        "missing": ": There is no such file.",
        "file/below": ": A part of the path is a file, not a folder.",
        "": ": This is a folder, and a file is expected. Name a file in it.",
        "x\0y": ": The path holds a NUL character.",
        "n" * 300: ": The file cannot be read: file name too long.",
    }
    for name, sentence in expected.items():
        path = tmp_path / name if name else tmp_path
        assert said(read_text, path, limit=100) == [f"{path}{sentence}"]
    assert said(read_text, Path("/dev/zero"), limit=100) == [
        "/dev/zero: This is a pipe or a device, and a regular file is expected. Save it to a file first."
    ]


def test_a_pipe_is_refused_without_waiting_for_it(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    answers = []
    reader = threading.Thread(target=lambda: answers.append(said(read_text, tmp_path / "pipe")), daemon=True)
    reader.start()
    reader.join(10)
    assert answers == [
        [f"{tmp_path}/pipe: This is a pipe or a device, and a regular file is expected. Save it to a file first."]
    ]


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("s")
        assert said(read_text, Path("s")) == ["s: This is a socket, not a file."]


def test_a_file_that_may_not_be_read_says_so(tmp_path, monkeypatch):
    def refuse(*_arguments):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    assert said(read_text, tmp_path / "a") == [f"{tmp_path}/a: The file may not be read with your permissions."]


def test_the_limit_counts_bytes_exactly(tmp_path):
    path = tmp_path / "a"
    path.write_text("あ" * 10)
    assert read_text(path, limit=30) == "あ" * 10
    assert said(read_text, path, limit=29)


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "journal.json"
    write_atomic(path, "first")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    held = path.open()
    write_atomic(path, b"second\xff", mode=0o644)
    assert held.read() == "first"
    held.close()
    assert path.read_bytes() == b"second\xff"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_keeps_pointing_to_what_was_written(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real" / "file")
    write_atomic(tmp_path / "link", "x")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real" / "file").read_text() == "x"


def test_a_device_is_written_to_directly():
    write_atomic(Path("/dev/null"), "x")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_crash_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "a"
    write_atomic(path, "old")

    def crash(*_arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_is_said_in_one_sentence(tmp_path, monkeypatch):
    def refusal(path):
        with pytest.raises(UsageError) as caught:
            write_atomic(path, "x")
        return str(caught.value)

    assert (
        refusal(tmp_path)
        == f"{tmp_path}: This is a folder, so no file can be written here. Choose another place with --output."
    )
    assert refusal(tmp_path / "no" / "a").startswith(f"{tmp_path}/no/a: The folder {tmp_path}/no does not exist.")
    (tmp_path / "file").write_text("x")
    assert "The file cannot be written: not a directory." in refusal(tmp_path / "file" / "a")

    def full(*_arguments):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert "The file cannot be written: no space left on device." in refusal(tmp_path / "a")
    assert not (tmp_path / "a").exists()


def test_shipped_folders_are_found_beside_the_package():
    assert (shipped("rules") / "schema" / "rule.json").is_file()


def test_documents_of_their_own_have_a_place():
    assert Document({"a": 1}, "f").place("a") == Place("f")
    assert str(Mistake(Place("f", 1, 2), "Wrong.", "Mend it.")) == "f:1:2: Wrong. Mend it."


KEYS = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | KEYS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
)


@settings(max_examples=60, deadline=None)
@given(VALUES, st.sampled_from([None, 0, 1, "\t"]), st.booleans())
def test_the_quick_reader_of_json_finds_the_places_that_the_careful_one_finds(value, indent, ascii_only):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only).replace("\n", "\r\n")
    assert spots(text) == _JsonReading(text, "file.json").document().spot
