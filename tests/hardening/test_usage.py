"""Wrong usage is answered in the reader's language, and what was typed is shown without steering the terminal."""

import pytest

from auditor.cli import main

WRONG = [
    (["audit"], "Missing argument 'PIPELINE…'", "引数 'PIPELINE…' が必要です。"),
    (
        ["audit", "x.yaml", "--fxi"],
        "Did you mean '--fix'",
        "オプション '--fxi' はありません。 '--fix' のことでしょうか?",
    ),
    (["audit", "x.yaml", "--nope"], "No such option", "オプション '--nope' はありません。"),
    (["audit", "--format"], "requires an argument", "オプション '--format' には値が必要です。"),
    (["audit", "x.yaml", "--yes=1"], "does not take a value", "オプション '--yes' に値は指定できません。"),
    (["iam", "decide"], "Missing option '--principal'", "オプション '--principal' が必要です。"),
    (["adit"], "There is no command `adit`", "コマンド `adit` はありません。 `audit` のことでしょうか?"),
    (["rules", "xyz"], "No such command 'xyz'", "コマンド 'xyz' はありません。"),
    (["runs", "a", "b"], "unexpected extra arguments", "余分な引数があります: a b"),
    (["runs", "--lang", "xx"], "is not one of", "'--lang' の値が正しくありません: 'xx' は次のいずれでもありません"),
    (["audit", "x.yaml", "--concurrency", "900"], "is not in the range", "900 は範囲 1<=x<=256 に入っていません。"),
    (["audit", "x.yaml", "--concurrency", "{0}"], "is not a valid", "'{0}' は整数ではありません。"),
    (["audit", "x.yaml", "--timeout", "z"], "is not a valid", "'z' は数値ではありません。"),
    (["demo", "--keep", __file__], "is a file", "はファイルです。"),
]


@pytest.fixture
def auditor(capsys):
    def run(*words):
        with pytest.raises(SystemExit) as left:
            main(list(words))
        told = capsys.readouterr()
        assert (left.value.code, told.out) == (2, "")
        return told.err

    return run


@pytest.mark.parametrize("chosen", ["by option", "by locale"])
@pytest.mark.parametrize(("words", "english", "japanese"), WRONG, ids=[" ".join(words) for words, *_ in WRONG])
def test_wrong_usage_is_told_in_both_languages(auditor, monkeypatch, words, english, japanese, chosen):
    monkeypatch.delenv("LC_ALL", raising=False)
    monkeypatch.delenv("LC_MESSAGES", raising=False)
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    said = auditor(*words)
    assert english in said
    assert "エラー" not in said
    if chosen == "by locale":
        monkeypatch.setenv("LANG", "ja_JP.UTF-8")
        said = auditor(*words)
    elif words[0] in {"audit", "runs"} and words[-1] not in {"--format", "xx"}:
        said = auditor(*words, "--lang=ja")
    else:
        return
    assert japanese in said
    assert not [word for word in ("Usage", "Error", "No such", "Missing", "Invalid") if word in said]


HOSTILE = ["\x1b[31mred\x9b2J\u202etxt\u200bhidden\x07\x08", "a\nb::error::c\r\udce9"]


PLACES = """
{}
rules {}
rules show {}
rules routes {}
rules new {} --rules x
audit --{}
audit {}
audit x --format {}
audit x --concurrency {}
audit x --select {}
audit x --source {}
audit x --parameter {}
audit x --history {}:x
runs {} {}
rollback {}
apply {}
history --lang {}
explain {}
diff {} {}
init -o {}/x
baseline x -o {}/y
iam decide --principal {} --action {}
"""


@pytest.mark.parametrize("word", HOSTILE, ids=ascii)
@pytest.mark.parametrize("place", PLACES.split("\n")[1:-1])
def test_what_was_typed_steers_no_terminal(auditor, tmp_path, monkeypatch, place, word):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "x").write_text("version: 1\n", encoding="utf-8")
    said = auditor(*(part.format(word) for part in place.split(" ")))
    assert said.strip()
    for line in said.splitlines():
        assert line.isprintable(), ascii(line)
