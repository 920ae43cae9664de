"""May they? AWS's IAM decision logic as a pure library: decide(request, policies) → an explained decision."""

from __future__ import annotations

from auditor.iam.conditions import Kleene, evaluate
from auditor.iam.decide import Decision, decide
from auditor.iam.errors import PolicyError, Unreadable
from auditor.iam.grants import Grant
from auditor.iam.matching import matches_action, matches_principal, matches_resource
from auditor.iam.operators import OPERATORS, Operator
from auditor.iam.policies import Policies
from auditor.iam.policy import Policy
from auditor.iam.reasons import Effect, Reason
from auditor.iam.request import Request
from auditor.iam.statement import Statement

__all__ = [
    "OPERATORS",
    "Decision",
    "Effect",
    "Grant",
    "Kleene",
    "Operator",
    "Policies",
    "Policy",
    "PolicyError",
    "Reason",
    "Request",
    "Statement",
    "Unreadable",
    "decide",
    "evaluate",
    "matches_action",
    "matches_principal",
    "matches_resource",
]
