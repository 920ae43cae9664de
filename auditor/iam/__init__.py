"""May they? AWS's IAM decision logic as a pure library: decide(request, policies) → an explained decision."""

from __future__ import annotations

from auditor.iam.conditions import Kleene, evaluate
from auditor.iam.decision import Decision, decide
from auditor.iam.errors import PolicyError, Unreadable
from auditor.iam.kms_grants import Grant
from auditor.iam.matching import matches_action, matches_principal, matches_resource
from auditor.iam.operators import OPERATORS, Operator
from auditor.iam.policies import Policies
from auditor.iam.policy import Policy
from auditor.iam.public import is_public, public_statements
from auditor.iam.reasons import Effect, Reason
from auditor.iam.request import Request
from auditor.iam.review import (
    Breadth,
    Granted,
    Named,
    foreign_principals,
    granted_actions,
    grants,
    overbroad,
    principals,
)
from auditor.iam.statement import Statement
from auditor.iam.validate import PolicyKind, problems

__all__ = [
    "OPERATORS",
    "Breadth",
    "Decision",
    "Effect",
    "Grant",
    "Granted",
    "Kleene",
    "Named",
    "Operator",
    "Policies",
    "Policy",
    "PolicyError",
    "PolicyKind",
    "Reason",
    "Request",
    "Statement",
    "Unreadable",
    "decide",
    "evaluate",
    "foreign_principals",
    "granted_actions",
    "grants",
    "is_public",
    "matches_action",
    "matches_principal",
    "matches_resource",
    "overbroad",
    "principals",
    "problems",
    "public_statements",
]
