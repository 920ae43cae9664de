"""Helpers of the tests of remediation."""
