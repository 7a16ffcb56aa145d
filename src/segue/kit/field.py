"""Field: one thing an action or a destination asks for; its type, default, rules and how it is shown.

    Field("datetime", label="Time", required=True, default={"@path": "$.timestamp"},
          help="When it happened.")

What the rules do to a value is in `segue.kit.coerce`; `json_schema` prints them for editors and the docs.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import msgspec

Type = Literal["string", "text", "password", "number", "integer", "boolean", "datetime", "object"]
Format = Literal["uri", "email", "date", "date-time", "http-url"]

NO_DEFAULT: Final = object()
ABSENT: Final = object()
"""As the value of a condition: the field is absent (or null)."""

TEXT_TYPES: Final = frozenset({"string", "text", "password"})


class Choice(msgspec.Struct, frozen=True):
    """A value to pick and the words the console shows for it."""

    value: Any
    label: str = ""


class Condition(msgspec.Struct, frozen=True):
    """A claim about another field: it ``is`` or ``is_not`` a value. A dot in `field` names a member."""

    field: str
    operator: Literal["is", "is_not"]
    value: Any = ABSENT


class Conditions(msgspec.Struct, frozen=True):
    """Claims joined by "all" or "any"; they speak of the mapped payload before types are coerced."""

    match: Literal["all", "any"]
    claims: tuple[Condition, ...]


class Field(msgspec.Struct, frozen=True):
    """One thing an action or a destination asks for.

    label        what the console calls it; help: one sentence on what it does for the person there
    required     always, never, or under conditions
    essential    an optional value that does not fit refuses the payload instead of being left out:
                 for whatever decides whom or how many a message reaches
    default      the published default mapping; `has_default` says whether there is one
    multiple     a list of the type; a lone value is wrapped
    allow_null   null is kept and sent: it clears
    choices      the only values taken; suggestions: values offered beside any other
    properties   members of an object; members not named are removed unless `additional_properties`.
                 An object without `properties` is free-form and passes untouched
    minimum, maximum   length of a text, bounds of a number; 0 means no bound
    dynamic      name of the destination's `Choices` that can list values from the partner
    hidden       not shown at the console; shown_when: shown only then
    ui           a hint for the console's editor: "keyvalue", "arrayeditor"
    """

    type: Type = "string"
    label: str = ""
    help: str = ""
    required: bool | Conditions = False
    essential: bool = False
    default: Any = NO_DEFAULT
    multiple: bool = False
    allow_null: bool = False
    choices: Sequence[Choice] = ()
    suggestions: Sequence[Choice] = ()
    format: Format | None = None
    properties: "Mapping[str, Field] | None" = None
    additional_properties: bool = False
    minimum: float = 0
    maximum: float = 0
    dynamic: str = ""
    hidden: bool = False
    shown_when: Conditions | None = None
    ui: str = ""

    @property
    def has_default(self) -> bool:
        return self.default is not NO_DEFAULT

    @property
    def remedy(self) -> str:
        """What to do about a value that does not fit: the choices there are, and what the field is for."""
        if not self.choices:
            return self.help
        return f"Use one of {', '.join(str(choice.value) for choice in self.choices)}. {self.help}".rstrip()

    @property
    def takes_null(self) -> bool:
        """Null survives cleaning; lists and objects with members lose the permission, as published."""
        return self.allow_null and not self.multiple and self.properties is None

    @property
    def takes_blank(self) -> bool:
        """The empty text is a value of this type."""
        return not self.multiple and (self.type in TEXT_TYPES or self.type == "datetime")


def pick(*values: str) -> tuple[Choice, ...]:
    """Choices whose labels are their values."""
    return tuple(Choice(value) for value in values)


def when(field: str, operator: Literal["is", "is_not"], *values: Any) -> Conditions:
    """A condition on one field: with several values any of them may hold; with none, that it is absent."""
    claims = tuple(Condition(field, operator, value) for value in values) or (Condition(field, operator),)
    return Conditions("any" if len(claims) > 1 else "all", claims)


def json_schema(fields: Mapping[str, Field], *, title: str = "") -> dict[str, Any]:
    """The JSON Schema (2020-12) of a payload or of settings, for editors, the console and the docs."""
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {key: _schema_of(field) for key, field in fields.items()},
        "additionalProperties": False,
    }
    if title:
        schema["title"] = title
    required = [key for key, field in fields.items() if field.required is True]
    if required:
        schema["required"] = required
    rules = [
        {"if": _schema_of_conditions(field.required), "then": {"required": [key]}}
        for key, field in fields.items()
        if isinstance(field.required, Conditions)
    ]
    if rules:
        schema["allOf"] = rules
    return schema


_JSON_TYPES: Final[Mapping[str, list[str]]] = {
    "text": ["string"],
    "password": ["string"],
    "datetime": ["string", "number"],
}


def _schema_of(field: Field) -> dict[str, Any]:
    types = list(_JSON_TYPES.get(field.type, [field.type]))
    if field.takes_null:
        types.append("null")
    schema: dict[str, Any] = {"type": types[0] if len(types) == 1 else types}
    if field.properties is not None:
        inner = json_schema(field.properties)
        inner["additionalProperties"] = field.additional_properties
        schema.update(inner)
    if field.format:
        schema["format"] = "uri" if field.format == "http-url" else field.format
    if field.choices:
        schema["enum"] = [choice.value for choice in field.choices] + [None] * field.takes_null
    if field.suggestions:
        schema["examples"] = [choice.value for choice in field.suggestions]
    low, high = ("minLength", "maxLength") if field.type in TEXT_TYPES else ("minimum", "maximum")
    if field.minimum:
        schema[low] = field.minimum
    if field.maximum:
        schema[high] = field.maximum
    if field.multiple:
        schema = {"type": "array", "items": schema}
    if field.label:
        schema["title"] = field.label
    if field.help:
        schema["description"] = field.help
    if field.has_default:
        schema["default"] = field.default
    if field.type == "password":
        schema["writeOnly"] = True
    return schema


def _schema_of_conditions(conditions: Conditions) -> dict[str, Any]:
    claims = [_schema_of_condition(claim) for claim in conditions.claims]
    if len(claims) == 1:
        return claims[0]
    return {"anyOf" if conditions.match == "any" else "allOf": claims}


def _schema_of_condition(claim: Condition) -> dict[str, Any]:
    if claim.value is ABSENT:
        present = {"required": [claim.field]}
        return present if claim.operator == "is_not" else {"not": present}
    value = {"const": claim.value}
    rule = value if claim.operator == "is" else {"not": value}
    return {"properties": {claim.field: rule}, "required": [claim.field]}
