"""Roll a run back, last write first, and finish one that was killed half-way."""

from __future__ import annotations

from collections.abc import Mapping

from auditor.errors import Refused
from auditor.kinds.facet import Call
from auditor.model import Json, Text
from auditor.remedy.apply import apply
from auditor.remedy.change import Change, same
from auditor.remedy.journal import Journal, Run
from auditor.remedy.outcome import UNSEEN, OnEvent, Outcome, Result, State, quoted
from auditor.remedy.saved import call_out
from auditor.remedy.writing import Door, Hand, Patience, Standing, Written, read, seen, standing, write


def resume(
    run: Run, aws: Door, journal: Journal, *, on_event: OnEvent | None = None, patience: Patience | None = None
) -> Outcome:
    """Finish a run that stopped half-way, in the direction in which it went, and return what became of each change."""
    if run.undoing:
        return rollback(run, aws, journal, on_event=on_event, patience=patience)
    journal.write("resume")
    return apply(run.plan, aws, journal, on_event=on_event, patience=patience)


def rollback(
    run: Run, aws: Door, journal: Journal, *, on_event: OnEvent | None = None, patience: Patience | None = None
) -> Outcome:
    """Undo what a run wrote, last write first, and return what became of each change.

    A facet that is no longer what the run left is left alone, and so is all that it depends on. What AWS cannot restore
    is said (`UNDONE_PARTLY`). A rollback that stopped half-way is taken up.
    """
    hand = Hand(aws, journal, patience or Patience())
    journal.write("rollback")
    results: dict[str, Result] = {}
    for change in reversed(run.plan.changes):
        if hand.about(change) is None:
            continue
        if on_event:
            on_event(change)
        users = [other for other in run.plan.changes if change.id in other.depends_on and _stays(other, results)]
        results[change.id] = _known(change, hand) or _noted(journal, _undo(change, hand, users))
        if on_event:
            on_event(results[change.id])
    outcome = Outcome(journal.id, tuple(results.values()))
    journal.write("rollback_end", counts=dict(outcome.counts), complete=outcome.complete)
    return outcome


def _stays(change: Change, results: Mapping[str, Result]) -> bool:
    return change.id in results and not results[change.id].state.complete


def _known(change: Change, hand: Hand) -> Result | None:
    entry = hand.last(change)
    if entry is None or entry.event != "undone" or not State(entry.data["state"]).complete:
        return None
    lossy = change.row.lossy(change.before, change.after)
    return Result(change, State(entry.data["state"]), lossy if "why" in entry.data else None)


def _undo(change: Change, hand: Hand, users: list[Change]) -> Result:
    if users:
        title = users[0].title
        en, ja = f"{title} needs it and was not undone.", f"{title} がまだ必要としています。"
        return Result(change, State.SKIPPED, Text(en, ja))
    about = hand.about(change)
    assert about is not None
    before = about.data["before"]
    try:
        document = read(hand.aws, change)
        where = standing(change, document, before)
        if where is Standing.BEFORE:
            return Result(change, State.NOT_MADE)
        if where is Standing.CHANGED:
            return _changed(change, hand, document, before)
        calls = change.row.write(change.target, document, before) if change.row.write else ()
    except Refused as refusal:
        return Result(change, State.REFUSED, quoted(refusal), refusal.reason)
    return _write(change, hand, document, before, calls)


def _changed(change: Change, hand: Hand, document: Json, before: Json) -> Result:
    """Tell of a facet that is neither what it was nor what the run left: undone before as far as can be, or changed."""
    last = hand.last(change)
    lossy = change.row.lossy(before, change.after)
    if (
        last is not None
        and last.event == "undo_about"
        and lossy
        and not same(change.row, document, last.data["before"])
    ):
        return Result(change, State.UNDONE_PARTLY, lossy)
    sentence = Text("It is no longer what the run left.", "実行後に変更されています。")
    return Result(change, State.LEFT_ALONE, sentence, "StalePlan")


def _write(change: Change, hand: Hand, document: Json, before: Json, calls: tuple[Call, ...]) -> Result:
    lossy = change.row.lossy(before, document)
    if not calls:
        sentence = Text("AWS has no call that undoes it.", "取り消す API がありません。")
        return Result(change, State.REFUSED, sentence, "CannotExpress")
    told = [call_out(call) for call in calls]
    hand.journal.write("undo_about", change=change.id, before=document, after=before, calls=told)
    written = write(hand, change, calls, settling=False)
    if written.refusal is not None and not written.lost:
        return _refused(change, written)
    if lossy is None and seen(hand, change, lambda now: same(change.row, now, before)):
        return Result(change, State.UNDONE)
    if lossy is not None and seen(hand, change, lambda now: not same(change.row, now, document)):
        return _as_far_as_can_be(change, hand, before, lossy)
    if written.refusal is not None:
        return Result(change, State.UNKNOWN, quoted(written.refusal), written.refusal.reason)
    return Result(change, State.UNVERIFIED, UNSEEN)


def _refused(change: Change, written: Written) -> Result:
    assert written.refusal is not None
    state = State.PARTLY if written.confirmed else State.REFUSED
    return Result(change, state, quoted(written.refusal), written.refusal.reason)


def _as_far_as_can_be(change: Change, hand: Hand, before: Json, lossy: Text) -> Result:
    try:
        back = same(change.row, read(hand.aws, change), before)
    except Refused:
        back = False
    return Result(change, State.UNDONE if back else State.UNDONE_PARTLY, None if back else lossy)


def _noted(journal: Journal, result: Result) -> Result:
    said = {key: value for key, value in (("why", result.why), ("reason", result.reason)) if value}
    journal.write("undone", change=result.change.id, state=result.state.value, **said)
    return result
