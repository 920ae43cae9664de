"""A probe's way through the pipeline, drawn in lines of text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from auditor.errors import Text
from auditor.probe.aim import Aim, Side
from auditor.probe.tidy import Tidied
from auditor.probe.watch import Hop, State
from auditor.render.display import pad

_WRITTEN = Text("written as a multipart upload", "マルチパートアップロードで書き込み")
_WORDS = {
    ("written", State.UNKNOWN): Text("could not be written", "書き込めませんでした"),
    ("event", State.ARRIVED): Text("the event arrived", "イベントが到着"),
    ("event", State.WAITING): Text("no event arrived", "イベントが届いていません"),
    ("event", State.NOT_WATCHED): Text("not watched", "確認対象外"),
    ("event", State.UNKNOWN): Text("not known", "不明"),
    ("replication", State.ARRIVED): Text("replicated", "レプリケーション完了"),
    ("replication", State.WAITING): Text("still PENDING", "まだ PENDING"),
    ("replication", State.FAILED): Text("not replicated", "レプリケートされていません"),
    ("replication", State.UNKNOWN): Text("not known", "不明"),
    ("replica", State.ARRIVED): Text(
        "the same version, readable in its account", "同じバージョンが到着し、送信先アカウントで読める"
    ),
    ("replica", State.WAITING): Text("no replica arrived", "レプリカが届いていません"),
    ("replica", State.UNKNOWN): Text("not known", "不明"),
}
_MARKS = {State.ARRIVED: "✓", State.FAILED: "✗", State.WAITING: "✗", State.UNKNOWN: "?", State.NOT_WATCHED: "·"}
_WIDTH = 58


def drawn(aim: Aim, hops: Sequence[Hop], seconds: float, lang: str) -> str:
    """Return the drawing: the buckets, what went between them, and after how many seconds; `seconds` is how long writing took."""
    return "\n".join(_lines(aim, {hop.name: hop for hop in hops}, seconds, lang))


def _lines(aim: Aim, hops: dict[str, Hop], seconds: float, lang: str) -> Iterator[str]:
    yield f"{aim.pipeline.name}: {aim.key}"
    yield f"  {_bucket(aim.source)}"
    if (written := hops.get("written")) is not None:
        yield from _told(written, "  ", lang)
        return
    yield _line("  │ ✓", _WRITTEN.say(lang), f"{seconds:.1f} s")
    if (event := hops.get("event")) is not None and aim.consumer is not None:
        yield f"  ├──► {aim.consumer.id} ({aim.consumer.kind})"
        yield from _told(event, "  │   ", lang)
    if aim.destination is not None:
        yield from _told(hops["replication"], "  │ ", lang)
        yield "  ▼"
        yield f"  {_bucket(aim.destination)}"
        yield from _told(hops["replica"], "    ", lang)


def _bucket(side: Side) -> str:
    return f"s3://{side.bucket} ({side.account.name}, {side.region})"


def _told(hop: Hop, head: str, lang: str) -> Iterator[str]:
    when = f"{hop.seconds:.1f} s" if hop.state is State.ARRIVED else ""
    yield _line(f"{head}{_MARKS[hop.state]}", _WORDS[hop.name, hop.state].say(lang), when)
    if hop.why is not None:
        yield f"{head}  {hop.why.say(lang)}"


def _line(head: str, words: str, when: str) -> str:
    return f"{pad(f'{head} {words}', _WIDTH)} {when}" if when else f"{head} {words}"


def tidied(outcome: Tidied, lang: str) -> Iterator[str]:
    """Yield what clean-up came to."""
    for bucket, count in outcome.deleted:
        en = f"{count} version{'' if count == 1 else 's'} deleted in {bucket}"
        yield Text(en, f"{bucket} のバージョンを {count} 件削除しました").say(lang)
    for one in outcome.left:
        yield one.say(lang)
