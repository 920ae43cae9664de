"""Audit DynamoDB-to-S3-to-replication pipelines: judge them with declarative rules, and mend them safely."""
