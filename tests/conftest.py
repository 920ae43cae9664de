"""What holds for every test: examples are the same in every run, and no test depends on how fast the machine is."""

from hypothesis import HealthCheck, settings

settings.register_profile("project", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("project")
