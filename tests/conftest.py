"""What holds for every test: generated examples are the same each time, a slow machine is no failure, and a
contract's tests may run for several implementations."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "segue",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.load_profile("segue")
