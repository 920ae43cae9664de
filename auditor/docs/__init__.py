"""Rules as pages for people: what each one checks and why, an example, the fix, and the reference of the rule language."""

from __future__ import annotations

from auditor.docs.book import index, pages
from auditor.docs.page import brief, page
from auditor.docs.reference import reference

__all__ = ["brief", "index", "page", "pages", "reference"]
