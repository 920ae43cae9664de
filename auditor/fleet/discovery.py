"""Finds the pipelines that live in accounts, for a person to declare."""
