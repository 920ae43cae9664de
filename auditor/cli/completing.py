"""What a shell may complete beside options and files: rules, the words that select them, formats, and runs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import click

    from auditor.rule import Rule


def rules(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return the ids of rules that begin so, those of `--rules DIR` among them."""
    return _beginning(begun, (rule.id for rule in _book(ctx)))


def selectors(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return what `--select` and `--skip` take and begins so: ids, tags, packs and severities."""
    words = ({rule.id, *rule.tags, rule.severity.value, rule.pack} for rule in _book(ctx))
    return _beginning(begun, set().union(*words) - {""})


def formats(_ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return the formats of reports that begin so."""
    from auditor.render import FORMATS

    return _beginning(begun, FORMATS)


def runs(ctx: click.Context, _param: click.Parameter, begun: str) -> list[str]:
    """Return the runs with a journal that begin so, and `last`."""
    from auditor.remedy.journal import runs as kept

    return _beginning(begun, ("last", *(run.id for run in kept(ctx.params.get("state_dir")))))


def _book(ctx: click.Context) -> Iterable[Rule]:
    from auditor.errors import AuditorError
    from auditor.rulebook import load

    try:
        return load(ctx.params.get("folders") or (), vet=False)
    except (AuditorError, OSError):
        return load(vet=False)  # a folder that is half typed, or has a mistake, is no reason to be silent


def _beginning(begun: str, words: Iterable[str]) -> list[str]:
    return sorted(word for word in words if word.startswith(begun))
