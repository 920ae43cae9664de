"""How a report is told: the table of formats, the counts, the exit code and the closing line."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from auditor.render import json_v1, table
from auditor.render.format import Format, Options
from auditor.render.totals import SOON, Totals, closing_line, combine, exit_code, totals

FORMATS: Mapping[str, Format] = MappingProxyType({each.name: each for each in (table.FORMAT, json_v1.FORMAT)})
"""Every format by its name."""

__all__ = ["FORMATS", "SOON", "Format", "Options", "Totals", "closing_line", "combine", "exit_code", "totals"]
