"""Recipe: how an action's objects are made when everything about an event is as usual.

A page's `shape` handles whatever comes; most events are plain: texts where texts are asked for, dates
already canonical, nothing to clean. A recipe says how *those* become objects, in a form that can be
compiled together with trigger and mapping. It only ever says yes: where a value is anything but plain, the
quick way gives up and the event goes through mapping, coercion and `shape` as always. So a recipe must give
exactly what they would, or nothing; a property test holds it to that.

    Recipe(
        puts=(Put("external_id"), Put("name"), Put("time", plain="moment"), …),
        someone=("external_id", "braze_id", "email"),
        known=lambda shaping: {"app_id": shaping.settings["app_id"]},
    )
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

from segue.kit.action import Shaping
from segue.language.path import UNDEFINED

MISSING: Final = UNDEFINED
"""What `finish` gets for a field without a value."""

Plain = Literal["text", "moment", "day", "flag", "object", "absent"]
"""What a value must be for the quick way, apart from missing:

text    a text that is not empty and keeps the field's rule
moment  ``2024-01-02T03:04:05.678Z``
day     ``2024-01-02``
flag    true or false
object  an object, without the members the put forbids
absent  nothing: any value takes the long way
"""


class Put(msgspec.Struct, frozen=True):
    """A payload field that becomes the object's member of the same name.

    without  member names an object must not have to be plain
    usual    most events have it; such members are put together, and those missing taken out again
    """

    field: str
    plain: Plain = "text"
    without: Sequence[str] = ()
    usual: bool = False


class Recipe(msgspec.Struct, frozen=True, kw_only=True):
    """How plain events become objects.

    puts     members taken from payload fields; a field in neither `puts` nor `rest` nor `ignored` sends
             every event that maps it the long way
    someone  members one of which must be there
    ignored  payload fields that play no part in the object
    known    members that do not depend on the event
    rest     payload fields given to `finish` as they were mapped, MISSING without a value
    finish   (object, *rest values) -> the action's objects as JSON, or None to take the long way; without it
             the object alone. The object may be changed, the values may be the event's own and may not
    """

    puts: Sequence[Put]
    someone: Sequence[str] = ()
    ignored: Sequence[str] = ()
    known: Callable[[Shaping], Mapping[str, Any]] = lambda shaping: {}
    rest: Sequence[str] = ()
    finish: Callable[..., Sequence[bytes] | None] | None = None
