"""EventBridge's TestEventPattern, which moto answers with nothing."""

from __future__ import annotations

import json
from typing import Any

from auditor.standin.patch import wrap


def install() -> None:
    """Repair moto's test_event_pattern."""
    from moto.events.responses import EventsHandler

    wrap(EventsHandler, "test_event_pattern", lambda _: _test)


def _test(self: Any) -> str:
    from moto.core.exceptions import JsonRESTError
    from moto.events.models import EventPattern

    try:
        event, pattern = json.loads(self._get_param("Event")), self._get_param("EventPattern")
        matcher = EventPattern.load(pattern)
    except ValueError as error:
        raise JsonRESTError("InvalidEventPatternException", "Event pattern is not valid.") from error
    return json.dumps({"Result": bool(matcher.matches_event(event))})


REPAIRS = (install,)
