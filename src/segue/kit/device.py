"""OnDevice: what a page says about the partner's own SDK in a browser or an app.

In device mode Segment's SDK on the device calls the partner's SDK; this server only serves the settings
both start from. They are readable by everybody, so a page lists the settings that may leave, one by one:
what is not in `public` never does.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec

Kind = Literal["plugin", "classic", "mobile"]


class OnDevice(msgspec.Struct, frozen=True, kw_only=True):
    """How Segment's SDKs meet the partner's.

    kind      plugin: analytics.js loads a script of ours that holds the actions; classic: an older
              integration of analytics.js, steered by settings alone; mobile: a plugin inside the app
    public    settings that are served when they are written or have a value of their own
    always    settings that are served in any case, with the value for when nothing is written: mobile
              plugins do without none of them, and not without their type
    folder    of the script, in its address and in the manifest; library: the global it defines
    actions   our slug of an action -> the SDK's name for it
    version   what a classic integration's address says
    known     the setting under which the script passes on what known visitors do, and nothing else
    """

    kind: Kind
    public: Sequence[str] = ()
    always: Mapping[str, Any] = {}
    folder: str = ""
    library: str = ""
    actions: Mapping[str, str] = {}
    version: str = ""
    known: str = ""


class Advice(msgspec.Struct, frozen=True):
    """What is wrong or odd about one setting, or one field of a mapping.

    warning   it works, or was repaired: nothing stops
    """

    setting: str
    problem: str
    remedy: str = ""
    warning: bool = False


Check = Callable[[Mapping[str, Any], dict[str, Any]], list[Advice]]
"""(settings as written, settings made to fit) -> advice; may repair the second in place."""
