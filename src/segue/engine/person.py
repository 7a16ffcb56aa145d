"""Identity: which person of the partner an attribute object is about.

identity.key({"external_id": "u1", "email": "a@b.c"})   "external_id:u1"
identity.key({"email": "a@b.c"})                        "email:a@b.c"
"""

from typing import Any, Final

import msgspec

from segue.kit.attributes import AttributeShape, JsonObject

SEPARATOR: Final = "\x1f"

_SAID: Final = (b"false", b"true")
"""What a flag says that comes before the person."""

_EARLY: Final = 64
"""Bytes within which the person's name begins in nearly all objects."""


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
        self._marker = msgspec.json.encode({first: ""})[1:-2]
        self._openings = {
            b"{",
            *(b'{"%b":%b,' % (flag.encode(), said) for flag in shape.flags for said in _SAID),
        }
        self._named = f"{first}:"
        self._fields = [(f"name_{at}", name) for at, name in enumerate(self._control)]
        self._decode = msgspec.json.Decoder(who).decode

    def read(self, item: bytes) -> str:
        """The person's key, from an object as it travels; "" when it names nobody."""
        at = item.find(self._marker, 0, _EARLY)
        if at > 0 and item[:at] in self._openings:  # nearly always: then nothing else needs to be read
            start = at + len(self._marker)
            found = item[start : item.find(b'"', start)]
            if found and b"\\" not in found:
                return self._named + found.decode()
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
