"""`auditor history`: past runs, and for each finding since when, how often, and how long until it was fixed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from auditor.cli.options import lang_option, language
from auditor.errors import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from auditor.fleet.history import Entry, Run

VERSION = "history-v1"

_NONE = Text(
    "No run is recorded at {}. An audit of live accounts records itself; others do with --history.",
    "{} に実行の記録はありません。live の監査は自動的に記録され、それ以外は --history を付けると記録されます。",
)
_RUN_HEADS = tuple(
    Text(*pair)
    for pair in (
        ("run", "実行"),
        ("source", "ソース"),
        ("pipelines", "パイプライン"),
        ("failed", "不合格"),
        ("unknown", "不明"),
        ("new", "新規"),
        ("back", "再発"),
        ("fixed", "解消"),
        ("seconds", "秒"),
    )
)
_HEADS = tuple(
    Text(*pair)
    for pair in (
        ("state", "状態"),
        ("severity", "重大度"),
        ("finding", "指摘"),
        ("since", "開始"),
        ("last seen", "最終確認"),
        ("times", "回数"),
        ("fixed after", "解消まで"),
    )
)
_STATES = {
    "open": Text("open", "未解消"),
    "waived": Text("waived", "適用除外"),
    "fixed": Text("fixed", "解消"),
    "gone": Text("no longer judged", "判定対象外"),
}
_NO_RUN = Text("No run is recorded since {}.", "{} 以降の実行は記録されていません。")
_NO_FINDING = Text("No such finding since {}.", "{} 以降に該当する指摘はありません。")
_DAYS, _HOURS, _MINUTES = Text("{} d", "{} 日"), Text("{} h", "{} 時間"), Text("{} min", "{} 分")
_AGO = re.compile(r"([1-9]\d{0,4})([dh])")


@click.command("history")
@click.option(
    "--since", metavar="WHEN", default="30d", show_default=True, help="A date (2026-11-25), or 7d, or 12h ago."
)
@click.option("--pipeline", metavar="NAME", help="Only findings of this pipeline.")
@click.option("--rule", metavar="ID", help="Only findings of this rule.")
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
@click.option(
    "--history", metavar="URL", envvar="AUDITOR_HISTORY", help="Where runs are recorded; the state folder without it."
)
@click.option("--state-dir", type=click.Path(path_type=Path), metavar="DIR", help="The state folder.")
@lang_option
def history_command(
    since: str,
    pipeline: str | None,
    rule: str | None,
    form: str,
    history: str | None,
    state_dir: Path | None,
    lang: str | None,
) -> int:
    """Show past runs: what is new, fixed, recurring, since when, and how long until it was fixed."""
    from auditor.errors import UsageError
    from auditor.fleet.database import shown
    from auditor.fleet.history import History, default_url, exists

    start, url = moment(since), history or default_url(state_dir)
    if not exists(url):
        raise UsageError(_NONE.fill(shown(url)).say(language(lang)))
    with History(url) as opened:
        runs, findings = opened.runs(since=start), opened.findings(since=start, pipeline=pipeline)
    findings = tuple(one for one in findings if rule is None or one.rule == rule)
    if form == "json":
        from auditor.render.json_text import dumps

        click.echo(dumps(document(runs, findings)))
        return 0
    click.echo(_runs(runs, language(lang)) or _NO_RUN.fill(start[:10]).say(language(lang)))
    if runs:
        click.echo("\n" + (_findings(findings, language(lang)) or _NO_FINDING.fill(start[:10]).say(language(lang))))
    return 0


def moment(text: str) -> str:
    """Return the time that `7d`, `12h`, a date or a time says, as the history writes it. Raises `UsageError`."""
    from auditor.errors import UsageError

    ago = _AGO.fullmatch(text)
    if ago:
        back = timedelta(**{{"d": "days", "h": "hours"}[ago[2]]: int(ago[1])})
        return (datetime.now(timezone.utc) - back).strftime("%Y-%m-%dT%H:%M:%SZ")
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise UsageError(f"--since {text}: this is no time.", "Say 7d, 12h, 2026-11-25 or 2026-11-25T03:00Z.") from None
    found = found if found.tzinfo else found.replace(tzinfo=timezone.utc)
    return found.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def document(runs: Iterable[Run], findings: Iterable[Entry]) -> dict[str, Any]:
    """Return history-v1, whose JSON Schema is `reports/schemas/history-v1.json`."""
    return {
        "version": VERSION,
        "runs": [
            {
                "name": run.name,
                "source": run.source,
                "started_at": run.started_at,
                "auditor": run.version,
                "seconds": run.seconds,
                **{name: run.counts[name] for name in sorted(run.counts)},
            }
            for run in runs
        ],
        "findings": [
            {
                "fingerprint": one.fingerprint,
                "source": one.source,
                "rule": one.rule,
                "pipeline": one.pipeline,
                "node": one.node,
                "resource": one.resource,
                "account": one.account,
                "severity": one.severity,
                "title": {"en": one.title.en, "ja": one.title.ja},
                "state": one.state,
                "first_seen": one.first_seen,
                "last_seen": one.last_seen,
                "opened_at": one.opened_at,
                "closed_at": one.closed_at or None,
                "times": one.times,
                "seconds_to_fix": one.time_to_fix.total_seconds() if one.time_to_fix is not None else None,
            }
            for one in findings
        ],
    }


def _runs(runs: Sequence[Run], lang: str) -> str | None:
    rows = [
        (
            run.started_at.replace("T", " ").rstrip("Z"),
            run.source,
            *(run.counts[name] for name in ("pipelines", "failed", "unknown", "new", "returned", "fixed")),
            f"{run.seconds:.1f}",
        )
        for run in runs
    ]
    return _table(_RUN_HEADS, rows, lang)


def _findings(findings: Sequence[Entry], lang: str) -> str | None:
    from auditor.model import Severity
    from auditor.render.words import severity_word

    rows = [
        (
            _STATES[one.state].say(lang),
            severity_word(Severity(one.severity), lang),
            f"{one.pipeline} / {one.node}: {one.rule}",
            one.opened_at[:10],
            one.last_seen[:10],
            one.times,
            _length(one.time_to_fix, lang),
        )
        for one in findings
    ]
    return _table(_HEADS, rows, lang)


def _table(heads: Sequence[Text], rows: Sequence[Sequence[Any]], lang: str) -> str | None:
    from tabulate import tabulate

    from auditor.render.display import plain

    if not rows:
        return None
    cells = [[plain(cell) for cell in row] for row in rows]
    return str(tabulate(cells, [head.say(lang) for head in heads], tablefmt="simple", disable_numparse=True))


def _length(time: timedelta | None, lang: str) -> str:
    if time is None:
        return ""
    minutes = int(time.total_seconds() // 60)
    if minutes >= 2 * 24 * 60:
        return _DAYS.fill(minutes // (24 * 60)).say(lang)
    return _HOURS.fill(minutes // 60).say(lang) if minutes >= 120 else _MINUTES.fill(minutes).say(lang)
