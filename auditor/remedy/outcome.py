"""What became of each change of a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from auditor.errors import Refused
from auditor.model import Text
from auditor.remedy.change import Change


class State(str, Enum):
    """What became of a change; `complete` states need nobody's attention."""

    DONE = "done"
    ALREADY = "already"
    UNVERIFIED = "unverified"
    UNKNOWN = "unknown"
    PARTLY = "partly"
    STALE = "stale"
    REFUSED = "refused"
    SKIPPED = "skipped"
    UNDONE = "undone"
    UNDONE_PARTLY = "undone_partly"
    NOT_MADE = "not_made"
    LEFT_ALONE = "left_alone"

    @property
    def complete(self) -> bool:
        """Tell whether the change is where it was meant to be."""
        return self in {State.DONE, State.ALREADY, State.UNDONE, State.UNDONE_PARTLY, State.NOT_MADE}

    @property
    def text(self) -> Text:
        """Return the state in words."""
        return _WORDS[self]


_WORDS: Mapping[State, Text] = {
    State.DONE: Text("done", "完了"),
    State.ALREADY: Text("already so", "適用済み"),
    State.UNVERIFIED: Text("written, not yet seen in AWS", "書き込み済み・未確認"),
    State.UNKNOWN: Text("unknown: the call left, its answer was lost", "不明（呼び出し後、応答なし）"),
    State.PARTLY: Text("partly written", "一部だけ書き込み済み"),
    State.STALE: Text("not done: it changed since the plan", "未実施（計画後に変更あり）"),
    State.REFUSED: Text("not done: refused", "未実施（拒否）"),
    State.SKIPPED: Text("not done: what it needs was not done", "未実施（前提が未完了）"),
    State.UNDONE: Text("undone", "取り消し済み"),
    State.UNDONE_PARTLY: Text("undone as far as AWS allows", "可能な範囲で取り消し済み"),
    State.NOT_MADE: Text("nothing to undo", "取り消し不要"),
    State.LEFT_ALONE: Text("left alone: somebody changed it since", "そのまま（その後に変更あり）"),
}


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one change: its state, a sentence why, and AWS's code (or auditor's word) if it was refused."""

    change: Change
    state: State
    because: Text | None = None
    reason: str = ""

    @property
    def why(self) -> str:
        """Return the sentence in English, or an empty string."""
        return self.said("en")

    def said(self, lang: str) -> str:
        """Return the sentence in a language, or an empty string. What AWS itself said stays in AWS's words."""
        return self.because.say(lang) if self.because else ""


UNSEEN = Text(
    "AWS took the write, but does not answer with it yet.", "書き込みは受け付けられましたが、まだ反映を確認できません。"
)


def quoted(refusal: Refused) -> Text:
    """Return a refusal's sentence; what AWS itself said stays in AWS's words."""
    return refusal.text


OnEvent = Callable[[Result | Change], None]
"""Told of a `Change` when work on it begins, and of its `Result` when it ends."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a run's changes, in the order in which they were tried."""

    run: str
    results: tuple[Result, ...]

    @property
    def complete(self) -> bool:
        """Tell whether every change is where it was meant to be; if not, the exit code is 4."""
        return all(result.state.complete for result in self.results)

    @property
    def counts(self) -> Mapping[str, int]:
        """Return how many changes are in each state that occurs."""
        return dict(Counter(result.state.value for result in self.results))

    def of(self, *states: State) -> tuple[Result, ...]:
        """Return the results that are in one of these states."""
        return tuple(result for result in self.results if result.state in states)
