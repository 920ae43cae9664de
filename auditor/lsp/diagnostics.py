"""Everything that is wrong in a rule, pipeline or pack file, and what its tests say, as an editor underlines it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from auditor.errors import AuditorError, InputError, Mistake
from auditor.files import parse_yaml
from auditor.lsp.library import Library, pack_of
from auditor.lsp.sheet import Sheet


@dataclass(frozen=True, slots=True)
class Problem:
    """A sentence about a stretch of one line (counted from 0): `error`, or `hint` where nothing is wrong yet."""

    line: int
    start: int
    end: int
    sentence: str
    level: str = "error"


def problems(sheet: Sheet, known: Library, *, thorough: bool = True) -> list[Problem]:
    """Return what is wrong in a file; `thorough` also tells what no test of a rule would notice."""
    try:
        if sheet.sort == "rule":
            return list(_rule(sheet, thorough=thorough))
        if sheet.sort == "pipeline":
            _pipeline(sheet, known)
        elif sheet.sort == "pack":
            _pack(sheet)
    except InputError as error:
        return [_at(sheet, mistake) for mistake in error.mistakes]
    except AuditorError as error:
        return [Problem(0, 0, 1, str(error))]
    return []


def _rule(sheet: Sheet, *, thorough: bool) -> Iterator[Problem]:
    from auditor.cases import coverage, failures
    from auditor.rulebook import read

    rule = read(parse_yaml(sheet.text, sheet.file), pack=pack_of(Path(sheet.file)))
    failed = list(failures(rule))
    for failure in failed:
        yield _at(sheet, Mistake(failure.case.place, f"Case “{failure.case.name}”: {failure.sentence}."))
    if thorough and not failed:
        for mutant in coverage([rule]).unnoticed:
            yield _at(sheet, Mistake(mutant.place, f"No case notices {mutant.change}."), "hint")


def _pipeline(sheet: Sheet, known: Library) -> None:
    from auditor.pipeline import parse, unknown_rules

    pipelines = parse(sheet.text, sheet.file, intent=known.words)
    if mistakes := unknown_rules(pipelines, known.rules):
        raise InputError(_at_rule(sheet, mistakes))


def _at_rule(sheet: Sheet, mistakes: Iterable[Mistake]) -> Iterator[Mistake]:
    """Move mistakes of waivers from the waiver to the rule that it names."""
    from dataclasses import replace

    document = parse_yaml(sheet.text, sheet.file)
    for mistake in mistakes:
        indices = range(len(document.value.get("waivers", ())))
        index = next((one for one in indices if document.place_of(("waivers", one)) == mistake.place), None)
        yield mistake if index is None else replace(mistake, place=document.place_of(("waivers", index, "rule")))


def _pack(sheet: Sheet) -> None:
    from auditor.rulebook import pack_mistakes

    if mistakes := pack_mistakes(parse_yaml(sheet.text, sheet.file)):
        raise InputError(mistakes)


def _at(sheet: Sheet, mistake: Mistake, level: str = "error") -> Problem:
    """Return a mistake as a stretch of its line: what stands there, or the rest of the line."""
    line, column = max(mistake.place.line - 1, 0), max(mistake.place.column - 1, 0)
    lines = sheet.text.split("\n")
    whole = lines[line] if line < len(lines) else ""
    here = [entry for entry in sheet.entries if (entry.line, entry.column) == (line, column)]
    end = column + len(here[0].text) if here else len(whole.rstrip())
    sentence = " ".join(part for part in (mistake.sentence, mistake.hint) if part)
    return Problem(line, column, max(end, column + 1), sentence, level)
