"""Property tests here try the same examples on every run, and a busy machine does not fail them."""

from hypothesis import settings

settings.register_profile("language", derandomize=True, deadline=None)
settings.load_profile("language")
