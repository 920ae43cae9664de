"""What a rule may ask: the closed vocabulary of predicates, each a function with a schema and a sentence."""

from __future__ import annotations

from auditor.plugins import Table
from auditor.predicates.access import ACCESS
from auditor.predicates.access_excess import EXCESS
from auditor.predicates.access_messages import MESSAGES
from auditor.predicates.access_principals import PRINCIPALS
from auditor.predicates.access_state import STATE
from auditor.predicates.buckets import BUCKETS
from auditor.predicates.consumers import CONSUMERS
from auditor.predicates.events import EVENTS
from auditor.predicates.foreign import guarded
from auditor.predicates.health_exports import HEALTH_EXPORTS
from auditor.predicates.health_replication import HEALTH_REPLICATION
from auditor.predicates.lifecycle import LIFECYCLE
from auditor.predicates.notifications import NOTIFICATIONS
from auditor.predicates.plans import PLANS
from auditor.predicates.ranking import RANKING
from auditor.predicates.replicas import REPLICAS
from auditor.predicates.replication import REPLICATION
from auditor.predicates.values import VALUES
from auditor.scope import Predicate

PREDICATES: Table[Predicate] = Table(
    "auditor.predicates",
    Predicate,
    (
        *VALUES,
        *ACCESS,
        *STATE,
        *EXCESS,
        *PRINCIPALS,
        *MESSAGES,
        *HEALTH_EXPORTS,
        *EVENTS,
        *NOTIFICATIONS,
        *CONSUMERS,
        *REPLICATION,
        *RANKING,
        *REPLICAS,
        *HEALTH_REPLICATION,
        *LIFECYCLE,
        *BUCKETS,
        *PLANS,
    ),
    guarded,
)
"""Every predicate by its name, those of other distributions included."""
