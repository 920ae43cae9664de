"""Audit DynamoDB-to-S3-to-replication pipelines: judge them with declarative rules, and mend them safely."""

from __future__ import annotations

__version__ = "0.1.0"
