"""Repairs of moto's S3: what it forgets, what it does not check, what it answers to strangers."""

from __future__ import annotations

from auditor.standin.s3 import buckets, events, replicating

REPAIRS = (buckets.install, events.install, replicating.install)
