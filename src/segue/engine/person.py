"""Identity: which person of the partner an attribute object is about.

identity.key({"external_id": "u1", "email": "a@b.c"})   "external_id:u1"
identity.key({"email": "a@b.c"})                        "email:a@b.c"
"""

from typing import Any, Final

import msgspec

from segue.kit.attributes import AttributeShape, JsonObject

SEPARATOR: Final = "\x1f"


class Identity:
    """Reads who an object is about, by the declaration of its page."""

    def __init__(self, shape: AttributeShape) -> None:
        control = shape.flags | frozenset(shape.identifiers)
        self._names = [(name, f"{name}:", control) for name in shape.identifiers]
        self._names += [(name, f"{name}:", control | frozenset(shape.lookups)) for name in shape.lookups]
        self._nobody = ("", control)
        who = msgspec.defstruct(
            "Who",
            [(f"name_{at}", Any, None) for at in range(len(self._names))],
            rename={f"name_{at}": name for at, (name, _, _) in enumerate(self._names)},
        )
        self._fields = [(f"name_{at}", name) for at, (name, _, _) in enumerate(self._names)]
        self._decode = msgspec.json.Decoder(who).decode

    def read(self, item: bytes) -> str:
        """The person's key, from an object as it travels; "" when it names nobody."""
        who = self._decode(item)
        for field, name in self._fields:
            value = getattr(who, field)
            if value and (text := _text(value)):
                return f"{name}:{text}"
        return ""

    def key(self, item: JsonObject) -> str:
        """The person's key; "" when the object names nobody."""
        return self.split(item)[0]

    def split(self, item: JsonObject) -> tuple[str, frozenset[str]]:
        """The person's key, and which members say who and how rather than what."""
        for name, before, control in self._names:
            if name in item and (text := _text(item[name])):
                return before + text, control
        return self._nobody


def _text(value: Any) -> str:
    """An identifier as text: numbers count as their digits, an object as its values in order of name."""
    if type(value) is str:
        return value
    if type(value) is dict:
        return SEPARATOR.join(_text(value[name]) for name in sorted(value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
