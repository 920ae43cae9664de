"""What click says of wrong usage, in the reader's language and without anything that could steer a terminal."""

from __future__ import annotations

import re
from collections.abc import Sequence

import click

from auditor.cli.options import language
from auditor.errors import Text

_ERROR = Text("Error: {}", "エラー: {}")
_USAGE = Text("Usage:", "使い方:")
_HELP = Text("Try '{} --help' for help.", "使い方の詳細: {} --help")
_SENTENCES: Sequence[tuple[re.Pattern[str], str]] = tuple(
    (re.compile(pattern, re.DOTALL), said)
    for pattern, said in (
        (
            r"There is no command (`.*?`)\.(?: Did you mean (.+)\?)?",
            "コマンド {0} はありません。| {1} のことでしょうか?",
        ),
        (
            r"No such command:? (.+?)\.?(?: \(?Did you mean(?: one of:)? (.+)\?\)?)?",
            "コマンド {0} はありません。| {1} のことでしょうか?",
        ),
        (
            r"No such option:? (.+?)\.?(?: \(?(?:Did you mean|Possible options:)(?: one of:)? (.+?)\??\)?)?",
            "オプション {0} はありません。| {1} のことでしょうか?",
        ),
        (r"Missing argument (.+?)\.(?: (.+))?", "引数 {0} が必要です。| {1}"),
        (r"Missing option (.+?)\.(?: (.+))?", "オプション {0} が必要です。| {1}"),
        (r"Choose from:\s*(.+)", "次から選んでください: {0}"),
        (r"Option (.+) requires an argument\.", "オプション {0} には値が必要です。"),
        (r"Option (.+) requires (\d+) arguments\.", "オプション {0} には値が {1} 個必要です。"),
        (r"Option (.+) does not take a value\.", "オプション {0} に値は指定できません。"),
        (r"Got unexpected extra arguments? \((.+)\)", "余分な引数があります: {0}"),
        (r"Invalid value for (.+?): (.+)", "{0} の値が正しくありません: {1}"),
        (r"(.+) is not in the range (.+)\.", "{0} は範囲 {1} に入っていません。"),
        (r"(.+) is not a valid integer(?: range)?\.", "{0} は整数ではありません。"),
        (r"(.+) is not a valid float(?: range)?\.", "{0} は数値ではありません。"),
        (r"(.+) is not one of (.+)\.", "{0} は次のいずれでもありません: {1}"),
        (r"(?:File|Directory|Path) (.+) is a directory\.", "{0} はフォルダーです。"),
        (r"(?:File|Directory|Path) (.+) is a file\.", "{0} はファイルです。"),
        (r"(?:File|Directory|Path) (.+) does not exist\.", "{0} はありません。"),
    )
)
"""click's sentences and their Japanese; what follows a bar is said only when its part is there."""

_UNREADABLE = re.compile(r"(?:File|Directory|Path) (['\"])(?P<name>.*)\1 is not readable\.", re.DOTALL)
_MAY_NOT_READ = Text("{}: It may not be read with your permissions.", "{}: 現在の権限では読み取れません。")


def lines(error: click.ClickException, words: Sequence[str]) -> list[str]:
    """Return what a mistake on a command line is answered with; `words` is that line, and may choose the language.

    A file that may not be read is no matter of usage: it is told in one sentence.
    """
    lang = _language(words)
    if unreadable := _UNREADABLE.fullmatch(getattr(error, "message", "")):
        return [_MAY_NOT_READ.fill(unreadable["name"]).say(lang)]
    if isinstance(error, click.exceptions.UsageError) and type(error).__name__ == "NoArgsIsHelpError":
        return error.format_message().splitlines()
    said = error.format_message()
    told = _ERROR.fill(Text(said, _japanese(said))).say(lang).splitlines()
    context = getattr(error, "ctx", None)
    if context is None:
        return told
    usage = context.get_usage().replace("Usage:", _USAGE.say(lang), 1).splitlines()
    return [*usage, _HELP.fill(context.command_path).say(lang), "", *told]


def _language(words: Sequence[str]) -> str:
    """Return the language that the command line names, though the rest of it may be wrong; else the environment's."""
    chosen = ""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        option, _, value = word.partition("=")
        if option == "--lang":
            chosen = value or following
    return language(chosen if chosen in {"en", "ja"} else None)


def _japanese(said: str) -> str:
    for pattern, sentence in _SENTENCES:
        if found := pattern.fullmatch(said.strip()):
            parts = [_japanese(part) if part else "" for part in found.groups()]
            always, _, sometimes = sentence.partition("|")
            return (always + (sometimes if parts[-1] else "")).format(*parts)
    return said
