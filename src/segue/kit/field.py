"""Field: one thing an action asks for; its type, default, checks and coercion."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

Type = Literal["string", "text", "password", "number", "integer", "boolean", "datetime", "object"]

NO_DEFAULT: Final = object()


class Field(msgspec.Struct, frozen=True, kw_only=True):
    type: Type = "string"
    default: Any = NO_DEFAULT
    properties: Mapping[str, "Field"] | None = None

    @property
    def has_default(self) -> bool:
        return self.default is not NO_DEFAULT
