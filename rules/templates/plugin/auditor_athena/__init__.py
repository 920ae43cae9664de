"""Athena workgroups for auditor."""
