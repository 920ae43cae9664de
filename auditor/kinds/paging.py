"""Read a list that AWS answers in pages, to its end or to a bound."""

from __future__ import annotations

from auditor.errors import Refused
from auditor.kinds.facet import Ask, Call
from auditor.model import Json

BOUND = 1000
"""Pages; no list that auditor reads whole comes near it."""


def pages(
    ask: Ask, call: Call, items: str, *, by: tuple[str, str] = ("NextToken", "NextToken"), bound: int = BOUND
) -> list[Json]:
    """Return the items of all pages of a list.

    `by` names the parameter that continues it, and the answer's member that carries its value.
    Raises `Refused("TooMany")` behind the bound, and `Refused("Malformed")` when the same page is offered twice.
    """
    found: list[Json] = []
    params = dict(call.params)
    for _ in range(bound):
        page = ask(Call(call.service, call.operation, params, call.region))
        found += page.get(items) or []
        following = page.get(by[1])
        if not following:
            return found
        if following == params.get(by[0]):
            raise Refused("Malformed", f"{call.service}:{call.operation} offers the same page again and again.")
        params[by[0]] = following
    raise Refused(
        "TooMany", f"{call.service}:{call.operation} has more than {bound} pages, so the list is not known whole."
    )
