"""Identity: which person of the partner an attribute object is about.

identity.key({"external_id": "u1", "email": "a@b.c"})   "external_id:u1"
identity.key({"email": "a@b.c"})                        "email:a@b.c"
"""

import re
from typing import Any, Final

import msgspec

from segue.kit.attributes import AttributeShape, JsonObject

SEPARATOR: Final = "\x1f"


class Identity:
    """Reads who an object is about, by the declaration of its page."""

    def __init__(self, shape: AttributeShape) -> None:
        control = shape.flags | frozenset(shape.identifiers)
        self._control = dict.fromkeys(shape.identifiers, control)
        self._control |= dict.fromkeys(shape.lookups, control | frozenset(shape.lookups))
        who = msgspec.defstruct(
            "Who",
            [(f"name_{at}", Any, None) for at in range(len(self._control))],
            rename={f"name_{at}": name for at, name in enumerate(self._control)},
        )
        first = shape.identifiers[0]
        flags = "|".join(map(re.escape, sorted(shape.flags)))
        opening = rf'\{{(?:"(?:{flags})":(?:true|false),)?"{re.escape(first)}":"([^"\\]+)"'
        self._open = re.compile(opening.encode()).match
        self._named = f"{first}:"
        self._fields = [(f"name_{at}", name) for at, name in enumerate(self._control)]
        self._decode = msgspec.json.Decoder(who).decode

    def read(self, item: bytes) -> str:
        """The person's key, from an object as it travels; "" when it names nobody."""
        opening = self._open(item)
        if opening is not None:  # nearly always: the first name is told first, or after one flag
            return self._named + opening[1].decode()
        who = self._decode(item)
        for field, name in self._fields:
            value = getattr(who, field)
            if value and (text := _text(value)):
                return f"{name}:{text}"
        return ""

    def key(self, item: JsonObject) -> str:
        """The person's key; "" when the object names nobody."""
        for name in self._control:
            if (value := item.get(name)) and (text := _text(value)):
                return f"{name}:{text}"
        return ""

    def control(self, key: str) -> frozenset[str]:
        """Which members of an object about this person say who and how rather than what."""
        return self._control[key.partition(":")[0]]


def _text(value: Any) -> str:
    """An identifier as text: numbers count as their digits, an object as its values in order of name."""
    if type(value) is str:
        return value
    if type(value) is dict:
        return SEPARATOR.join(_text(value[name]) for name in sorted(value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
