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
        self._names = (*shape.identifiers, *shape.lookups)
        self._lookups = frozenset(shape.lookups)
        self._control = shape.flags | frozenset(shape.identifiers)
        self._control_found = self._control | self._lookups
        who = msgspec.defstruct(
            "Who", [(f"name_{at}", Any, None) for at in range(len(self._names))],
            rename={f"name_{at}": name for at, name in enumerate(self._names)},
        )  # fmt: skip
        self._decode = msgspec.json.Decoder(who).decode

    def read(self, item: bytes) -> str:
        """The person's key, from an object as it travels; "" when it names nobody."""
        who = self._decode(item)
        return self.key({name: getattr(who, f"name_{at}") for at, name in enumerate(self._names)})

    def key(self, item: JsonObject) -> str:
        """The person's key; "" when the object names nobody."""
        for name in self._names:
            text = _text(item.get(name))
            if text:
                return f"{name}:{text}"
        return ""

    def split(self, item: JsonObject) -> tuple[str, frozenset[str]]:
        """The person's key, and which members say who and how rather than what."""
        key = self.key(item)
        by_lookup = key.partition(":")[0] in self._lookups
        return key, self._control_found if by_lookup else self._control


def _text(value: Any) -> str:
    """An identifier as text: numbers count as their digits, an object as its values in order of name."""
    if type(value) is str:
        return value
    if type(value) is dict:
        return SEPARATOR.join(_text(value[name]) for name in sorted(value))
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
