"""What Braze says a workspace may ask of it, by the pool a request counts against.

Contracts differ, so this is only where we begin: the answers correct it.

Source  Braze docs, "API rate limits" and "Track users", read 2026-11-26
"""

from typing import Final

from segue.kit.partner import Quota

from . import catalogs, rest

TRIGGER: Final = Quota(250_000, 3_600)

QUOTAS: Final = {
    rest.TRACK_POOL: Quota(3_000, 3),
    rest.USERS_POOL: Quota(20_000, 60),  # delete, alias, identify and merge together
    "campaigns/trigger/send": TRIGGER,
    "canvas/trigger/send": TRIGGER,
    catalogs.CATALOGS_POOL: Quota(50, 60),
    catalogs.ITEMS_POOL: Quota(16_000, 60),
}
