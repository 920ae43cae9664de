"""One small object sent through a pipeline, watched until it has arrived, and taken away again; never by itself."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from auditor.errors import Refused
from auditor.probe.aim import Aim, aim, needs
from auditor.probe.draw import drawn, tidied
from auditor.probe.notes import Note, begin, notes
from auditor.probe.tidy import Tidied, tidy
from auditor.probe.watch import Hop, OnHop, State, refused, send, watch

if TYPE_CHECKING:
    from auditor.aws import Aws
    from auditor.model import Pipeline

__all__ = ["Aim", "Hop", "Note", "Outcome", "State", "Tidied", "aim", "clean", "drawn", "needs", "probe", "tidied"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a probe came to: its hops, how long writing took, and what clean-up came to."""

    hops: tuple[Hop, ...]
    seconds: float
    tidied: Tidied

    @property
    def code(self) -> int:
        """Return the exit code: 4 when something is left behind, 1 when something did not arrive, 3 when that is not known."""
        states = {hop.state for hop in self.hops}
        if not self.tidied.complete:
            return 4
        if states & {State.FAILED, State.WAITING}:
            return 1
        return 3 if State.UNKNOWN in states else 0


def probe(
    target: Aim, aws: Aws, *, timeout: float, state_dir: Path | None = None, on_hop: OnHop = lambda _hop: None
) -> Outcome:
    """Write the object, watch it for at most `timeout` seconds, and delete all that it left; return what came of it.

    Whatever ends it, an exception or an interrupt included, what was made is deleted again and the exception goes on; what
    could not be deleted stays noted in the state folder.
    """
    note = begin(target, state_dir)
    hops: tuple[Hop, ...] = ()
    begun = time.monotonic()
    try:
        note = send(target, note, aws)
        seconds = time.monotonic() - begun
        hops = watch(target, note, aws, timeout=timeout, on_hop=on_hop)
    except Refused as refusal:
        # What could not be written tells nothing about the pipeline.
        seconds, hops = time.monotonic() - begun, (refused("written", refusal),)
    finally:
        seen = any(hop.name == "replica" and hop.state is State.ARRIVED for hop in hops)
        made = next((one for one in notes(state_dir) if one.id == target.id), note)
        outcome = tidy(made, target.pipeline, aws, expected=not seen)
    return Outcome(hops, seconds, outcome)


def clean(pipelines: Iterable[Pipeline], aws: Aws, state_dir: Path | None = None) -> tuple[tuple[Note, Tidied], ...]:
    """Delete what probes of these pipelines left behind when they were killed; return each note and what came of it."""
    declared = {one.name: one for one in pipelines}
    return tuple(
        (note, tidy(note, declared[note.pipeline], aws, expected=True))
        for note in notes(state_dir)
        if note.pipeline in declared and not note.busy
    )
