"""Braze's instances by host name, so that tests can map the real hosts to the sandbox.

Source  Braze docs, "API overview" (instances), read 2026-11-23
A key or app belongs to a workspace, a workspace may belong to one instance, and another instance's host does
not know it. Any other host name (127.0.0.1, localhost) is every instance at once.
"""

import re

_HOST = re.compile(rb"^(?:rest|sdk|dashboard)[.-]([a-z]+-?\d\d?)\.braze\.(?:com|eu)(?::\d+)?$", re.IGNORECASE)


def instance_of(host: bytes) -> str:
    """The instance a Host header names, for instance `iad-01`; nothing for any other host."""
    found = _HOST.match(host)
    return found[1].decode().lower() if found else ""
