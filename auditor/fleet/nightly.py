"""What a nightly run does with its report besides showing it: remember, compare, tell, count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from auditor.errors import AuditorError, Text
from auditor.fleet.entries import News
from auditor.model import Report, Severity

_UNRECORDED = Text("The run is not in the history: {}", "この実行は履歴に記録されていません: {}")
_UNCOUNTED = Text("The metrics were not written: {}", "メトリクスを書き出せませんでした: {}")


@dataclass(frozen=True, slots=True)
class Duties:
    """What a run was asked to do: the history's URL, addresses of messages, a file of metrics; empty means not asked."""

    history: str = ""
    history_days: int = 400
    notify: tuple[str, ...] = ()
    metrics: Path | None = None

    def check(self) -> None:
        """Raise `UsageError` for what cannot work, before a long run and not after it."""
        if self.history:
            from auditor.fleet.database import engine_of

            # A disk that refuses is no mistake of the user's: it is told when the run is recorded, and fails nothing.
            engine_of(self.history, make=False).dispose()
        if self.notify:
            from auditor.fleet.notifications import check

            check(self.notify)


def remember(report: Report, duties: Duties) -> tuple[Report, News | None, tuple[Text, ...]]:
    """Record a run; return its report with the trend, what it changed, and sentences about what did not work.

    A history that fails takes nothing away from the report.
    """
    if not duties.history:
        return report, None, ()
    from auditor.fleet.history import History

    try:
        with History(duties.history) as history:
            news = history.record(report, kept_days=duties.history_days)
            return replace(report, history=history.trend(report.source, like=report)), news, ()
    except AuditorError as error:
        return report, None, (_UNRECORDED.fill(error.text),)


def tell(report: Report, news: News | None, duties: Duties, lang: str, fail_on: Severity) -> tuple[Text, ...]:
    """Write the metrics and send the message; return sentences about what did not work."""
    troubles: Sequence[Text] = ()
    if duties.metrics is not None:
        from auditor.fleet import metrics

        try:
            metrics.write(report, duties.metrics, fail_on)
        except AuditorError as error:
            troubles = (_UNCOUNTED.fill(error.text),)
    if duties.notify:
        from auditor.fleet.notifications import message, send

        told = message(report, news, lang)
        if told is not None:
            troubles = (*troubles, *send(told, duties.notify))
    return tuple(troubles)
