"""What holds for every test: generated examples are the same each time, and a slow machine is no failure."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "segue", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("segue")
