"""Read a list that AWS answers in pages, to its end or to a bound."""

from __future__ import annotations

from auditor.errors import Refused
from auditor.kinds.facet import Ask, Call
from auditor.model import Json

BOUND = 1000
"""Pages; no list that auditor reads whole comes near it."""


def pages(
    ask: Ask, call: Call, items: str, *, token: str = "NextToken", answered: str = "", bound: int = BOUND
) -> list[Json]:
    """Return the items of all pages of a list.

    `token` is the parameter that continues it, `answered` the answer's member that carries it (the same name when empty).
    Raises `Refused("TooMany")` behind the bound, and `Refused("Malformed")` when the same page is offered twice.
    """
    found: list[Json] = []
    params = dict(call.params)
    for _ in range(bound):
        page = ask(Call(call.service, call.operation, params, call.region))
        found += page.get(items) or []
        following = page.get(answered or token)
        if not following:
            return found
        if following == params.get(token):
            raise Refused("Malformed", f"{call.service}:{call.operation} offers the same page again and again.")
        params[token] = following
    raise Refused(
        "TooMany", f"{call.service}:{call.operation} has more than {bound} pages, so the list is not known whole."
    )
