"""A fleet to audit: pipelines over pairs of accounts, as a pipeline file and an AWS configuration."""

from auditor.standin.blueprint import Names

REGION = "ap-northeast-1"
PER_GROUP = 100
"""Pipelines in one pair of accounts."""

_PIPELINE = """\
  {name}:
    table: {{account: production-{group}, name: {table}}}
    exporter: {{account: production-{group}, role: {exporter}}}
    source_bucket: {{account: production-{group}, name: {source}, prefix: exports/}}
    consumer: {{account: production-{group}, lambda: {function}}}
    replication_role: {{account: production-{group}, role: {role}}}
    destination_bucket: {{account: analytics-{group}, name: {destination}}}
    intent: {{delete_markers: replicate, replication_time_control: required, recovery_period_days: 35}}
"""


def names(number):
    """Return what the things of a pipeline are called."""
    group = f"{number // PER_GROUP:08d}"
    start = f"p{number:05d}"
    return Names(
        production=f"1111{group}",
        analytics=f"4444{group}",
        region=REGION,
        destination_region=REGION,
        table=f"{start}-table",
        exporter=f"{start}-exporter",
        source=f"{start}-export",
        function=f"{start}-on-export",
        role=f"{start}-replication",
        wrong_role=f"{start}-other",
        destination=f"{start}-analytics",
        failures=f"{start}-failures",
        production_logs=f"{start}-production-logs",
        analytics_logs=f"{start}-analytics-logs",
    )


def write_fleet(folder, url, numbers):
    """Write `pipelines.yaml` and the AWS configuration `aws` for the pipelines of these numbers."""
    groups = sorted({number // PER_GROUP for number in numbers})
    lines = ["version: 1", "accounts:"]
    profiles = []
    for group in groups:
        for role, head in (("production", "1111"), ("analytics", "4444")):
            name, account = f"{role}-{group:08d}", f"{head}{group:08d}"
            lines.append(f'  {name}: {{id: "{account}", region: {REGION}, profile: {name}}}')
            profiles += [
                f"[profile {name}]",
                f"aws_access_key_id = {account}",
                "aws_secret_access_key = -",
                f"endpoint_url = {url}",
            ]
    lines.append("pipelines:")
    text = "\n".join(lines) + "\n"
    for number in numbers:
        called = names(number)
        text += _PIPELINE.format(
            name=f"p{number:05d}",
            group=f"{number // PER_GROUP:08d}",
            **{
                part: getattr(called, part)
                for part in ("table", "exporter", "source", "function", "role", "destination")
            },
        )
    (folder / "pipelines.yaml").write_text(text, encoding="utf-8")
    (folder / "aws").write_text("\n".join(profiles) + "\n", encoding="utf-8")
