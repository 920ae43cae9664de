"""How a report is told: the table of formats, the counts, the exit code and the closing line."""

from __future__ import annotations

from auditor.plugins import Table
from auditor.render import asff, github, gitlab, json_v1, junit, markdown, ocsf, page, rows, sarif, table
from auditor.render.format import Format, Options
from auditor.render.totals import SOON, Totals, closing_line, combine, exit_code, totals

_MODULES = (table, json_v1, sarif, junit, github, gitlab, markdown, rows, asff, ocsf, page)

FORMATS: Table[Format] = Table("auditor.formats", Format, (module.FORMAT for module in _MODULES))
"""Every format by its name, those of other distributions included."""

__all__ = ["FORMATS", "SOON", "Format", "Options", "Totals", "closing_line", "combine", "exit_code", "totals"]
