"""Apply a plan: each facet read again, written only if it is as it was, journalled before, and seen after."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.errors import Refused
from auditor.model import Json, Text
from auditor.remedy.change import Change, Plan, same
from auditor.remedy.journal import Journal, Run
from auditor.remedy.outcome import UNSEEN, OnEvent, Outcome, Result, State, quoted
from auditor.remedy.saved import call_out
from auditor.remedy.writing import Door, Hand, Patience, Standing, Written, read, seen, standing, write


def apply(
    plan: Plan, aws: Door, journal: Journal, *, on_event: OnEvent | None = None, patience: Patience | None = None
) -> Outcome:
    """Make the changes of a plan and return what became of each.

    A change whose facet is no longer as the plan saw it is not made, nor is anything that depends on a change that was
    not made; the others go on. A journal that was begun before is taken up: what it knows as done is not done again,
    and what it knows as begun is finished.
    """
    hand = Hand(aws, journal, patience or Patience())
    made: dict[str, Result] = {}
    for change in plan.changes:
        if on_event:
            on_event(change)
        made[change.id] = _known(change, hand) or _noted(journal, _make(change, hand, made))
        if on_event:
            on_event(made[change.id])
    outcome = Outcome(journal.id, tuple(made.values()))
    journal.write("end", counts=dict(outcome.counts), complete=outcome.complete)
    return outcome


def inspect(run: Run, aws: Door) -> tuple[tuple[Change, str], ...]:
    """Return where each change of a run stands in AWS now.

    `before` (not made), `after` (made), `between` (made in part), `changed` (neither: somebody else was there), or
    `unread: CODE`.
    """
    return tuple((change, _stands(change, run, aws)) for change in run.plan.changes)


def _stands(change: Change, run: Run, aws: Door) -> str:
    try:
        return standing(change, read(aws, change), run.before(change)).value
    except Refused as refusal:
        return f"unread: {refusal.reason}"


def _known(change: Change, hand: Hand) -> Result | None:
    """Return what a journal that is taken up already says for certain."""
    entry = hand.last(change)
    return Result(change, State(entry.data["state"])) if entry and entry.event == "verified" else None


def _make(change: Change, hand: Hand, made: Mapping[str, Result]) -> Result:
    needed = [made[name] for name in change.depends_on]
    missing = [result.change.title for result in needed if not result.state.complete]
    if missing:
        sentence = Text(f"It needs {missing[0]}, which was not done.", f"前提の {missing[0]} が未完了です。")
        return Result(change, State.SKIPPED, sentence)
    try:
        document = read(hand.aws, change)
    except Refused as refusal:
        sentence = Text("It could not be read again: {}", "再読み取りできませんでした: {}").fill(refusal.text)
        return Result(change, State.REFUSED, sentence, refusal.reason)
    about = hand.about(change)
    where = standing(change, document, about.data["before"] if about else change.before)
    if where is Standing.AFTER:
        return Result(change, State.DONE if about else State.ALREADY)
    if where is Standing.CHANGED or (where is Standing.BETWEEN and about is None):
        sentence = Text("Somebody changed it since the plan was made.", "計画の作成後に変更されています。")
        return Result(change, State.STALE, sentence, "StalePlan")
    settling = any(result.state is State.DONE for result in needed)
    return _write(change, hand, document, about.data["before"] if about else document, settling=settling)


def _write(change: Change, hand: Hand, document: Json, before: Json, *, settling: bool) -> Result:
    calls = change.do
    if not same(change.row, document, before) and change.row.write is not None:
        calls = change.row.write(change.target, document, change.after)
    told = [call_out(call) for call in calls]
    hand.journal.write("about", change=change.id, before=before, after=change.after, calls=told)
    written = write(hand, change, calls, settling=settling)
    if written.refusal is not None:
        return _after_refusal(change, hand, written, before)
    hand.journal.write("done", change=change.id)
    if seen(hand, change, lambda now: same(change.row, now, change.after)):
        return Result(change, State.DONE)
    return Result(change, State.UNVERIFIED, UNSEEN)


def _after_refusal(change: Change, hand: Hand, written: Written, before: Json) -> Result:
    """Tell what a refused or lost call left behind: an error does not prove that nothing was done."""
    refusal = written.refusal
    assert refusal is not None
    where = _found(change, hand, before)
    if (
        written.lost
        and where is not Standing.AFTER
        and seen(hand, change, lambda now: same(change.row, now, change.after))
    ):
        where = Standing.AFTER
    if where is Standing.AFTER:
        en = f"The call ended with {refusal.reason}, and AWS shows the change."
        ja = f"呼び出しは {refusal.reason} で終わりましたが、変更は反映されています。"
        return Result(change, State.DONE, Text(en, ja))
    said = quoted(refusal)
    if written.confirmed:
        en = f"{said.en} {written.confirmed} of {len(change.do)} calls were made."
        ja = f"{said.ja} {len(change.do)} 回の呼び出しのうち {written.confirmed} 回は完了しています。"
        said = Text(en, ja)
    if written.lost:
        return Result(change, State.UNKNOWN, said, refusal.reason)
    if written.confirmed and where is not Standing.BEFORE:
        return Result(change, State.PARTLY, said, refusal.reason)
    return Result(change, State.REFUSED, said, refusal.reason)


def _found(change: Change, hand: Hand, before: Json) -> Standing | None:
    try:
        return standing(change, read(hand.aws, change), before)
    except Refused:
        return None


def _noted(journal: Journal, result: Result) -> Result:
    said = {key: value for key, value in (("why", result.why), ("reason", result.reason)) if value}
    event = "verified" if result.state.complete else result.state.value
    journal.write(event, change=result.change.id, state=result.state.value, **said)
    return result
