"""Where the word under the cursor is defined: the file of a waived rule, an account, a pipeline."""

from __future__ import annotations

from auditor.errors import Place
from auditor.lsp.library import Library
from auditor.lsp.outline import at
from auditor.lsp.sheet import Sheet


def definition(sheet: Sheet, known: Library, line: int, column: int) -> Place | None:
    """Return where the word at a position is defined (lines and columns from 1); `None` when it is nowhere."""
    entry, _ = at(sheet.text, line, column)
    if entry.place != "value" or sheet.sort != "pipeline":
        return None
    last = entry.path[-1]
    if last == "rule" and entry.plain in known.rules:
        return known.rules[entry.plain].place
    target = {"account": ("accounts", entry.plain), "pipeline": ("pipelines", entry.plain)}.get(str(last))
    key = sheet.key(*target) if target else None
    return Place(sheet.file, key.line + 1, key.column + 1) if key else None
