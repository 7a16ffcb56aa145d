"""A mapped payload made to fit an action's fields: cleaned, wrapped, coerced, checked; one path for all.

    coercer = Coercer(action.fields)              # once per subscription
    payload, notes = coercer.coerce(mapped)       # many times; raises InvalidPayload

Empty values go first: null where the type does not take it, ``""`` at the top level and wherever the type
is not a text. Then a lone value of a list field is wrapped, and values are converted as JavaScript's Ajv
does with ``coerceTypes: "array"`` (``5`` -> ``"5"``, ``"5"`` -> 5, ``["x"]`` -> ``"x"``). Unknown keys go.

An optional field that does not fit is left out with a note and the rest travels; a required or essential
one raises InvalidPayload with every problem: the field's path, the type of what was found, and the rule.
Values themselves never appear in notes or problems, they may be personal.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from segue.kit.conditions import describe, holds
from segue.kit.field import ABSENT, TEXT_TYPES, Conditions, Field
from segue.kit.rules import rule_of
from segue.language.javascript import number_of, number_text, type_name
from segue.model.delivery import Payload
from segue.model.errors import InvalidPayload

Note = tuple[str, str]
"""(field path, sentence): what was changed or left out."""

Problem = tuple[str, str]


class Coercer:
    """Fields prepared once, to make many payloads fit."""

    def __init__(self, fields: Mapping[str, Field]) -> None:
        self._slots = {key: (_plain_types(field), _converter(field), field) for key, field in fields.items()}
        self._required = tuple(key for key, field in fields.items() if field.required is True)
        self._conditional = tuple(
            (key, field.required) for key, field in fields.items() if isinstance(field.required, Conditions)
        )
        self._doubted = _doubted(fields)

    def coerce(self, mapped: object) -> tuple[Payload, Sequence[Note]]:
        """Make a mapped payload fit. Raises InvalidPayload naming every required field that does not."""
        if not isinstance(mapped, dict):
            raise InvalidPayload(
                [("", f"the payload must be an object, the mapping gave {described(mapped)}")]
            )
        slots = self._slots
        payload: Payload = {}
        notes: list[Note] = []
        problems: list[Problem] = []
        unfit: set[str] = set()
        for key, value in mapped.items():
            slot = slots.get(key)
            if slot is None:
                continue
            plain, convert, field = slot
            if value == "" or (value is None and not field.takes_null):
                continue
            if value.__class__ in plain:
                payload[key] = value
            elif key not in self._doubted or not _says_nothing(value):
                try:
                    payload[key] = convert(value, key, notes)
                except _Misfit as misfit:
                    if field.required is True or field.essential:
                        problems.extend(misfit.problems)
                        unfit.add(key)
                    else:
                        notes.extend((path, f"{problem}; left out") for path, problem in misfit.problems)
        for key in self._required:
            if key not in payload and key not in unfit:
                problems.append((key, "is required but has no value"))
        if self._conditional:
            problems.extend(self._missing(mapped, payload))
        if problems:
            raise InvalidPayload(problems)
        return payload, notes

    def _missing(self, mapped: Payload, payload: Payload) -> list[Problem]:
        cleaned = {key: value for key, value in mapped.items() if not self._is_empty(key, value)}
        return [
            (key, f"is required {describe(conditions)} but has no value")
            for key, conditions in self._conditional
            if key not in payload and holds(conditions, cleaned)
        ]

    def _is_empty(self, key: str, value: object) -> bool:
        slot = self._slots.get(key)
        if slot is None:
            return False
        is_empty = value == "" or (value is None and not slot[2].takes_null)
        return is_empty or (key in self._doubted and _says_nothing(value))


def _doubted(fields: Mapping[str, Field]) -> frozenset[str]:
    """Texts that a requirement of another field asks about: is there one? 0 and false are none then, as
    published, where asking makes null of them."""
    rules = [field.required for field in fields.values() if isinstance(field.required, Conditions)]
    asked = {rule.claims[0].field for rule in rules if [claim.value for claim in rule.claims] == [ABSENT]}
    return frozenset(key for key in asked if key in fields and fields[key].type in TEXT_TYPES)


def _says_nothing(value: object) -> bool:
    inner = value[0] if isinstance(value, list) and len(value) == 1 else value
    return inner in (0, "", None)


def check_settings(
    fields: Mapping[str, Field], values: Mapping[str, Any]
) -> tuple[dict[str, Any], list[Problem]]:
    """Make an operator's settings fit a destination's fields.

    Settings are coerced like payloads but not cleaned: ``""`` stays, null becomes the empty value of its
    type; a host name where a web address is asked for gets ``https://``. Problems name the setting and end
    without a full stop; a name that is no setting is one of them.
    """
    settings: dict[str, Any] = {}
    problems: list[Problem] = []
    for key, value in values.items():
        field = fields.get(key)
        if field is None:
            problems.append((key, "there is no setting of this name; it is ignored"))
            continue
        notes: list[Note] = []
        try:
            settings[key] = _converter(field)(_with_scheme(field, value), key, notes)
        except _Misfit as misfit:
            problems.extend(misfit.problems)
        problems.extend(notes)
    for key, field in fields.items():
        if key in values:
            continue
        if field.required is True:
            problems.append((key, "is required but was not given"))
        elif isinstance(field.required, Conditions) and holds(field.required, values):
            problems.append((key, f"is required {describe(field.required)} but was not given"))
    return settings, problems


_HOST: Final = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){1,9}[A-Za-z]{2,63}(?::\d{1,5})?/?")


def _with_scheme(field: Field, value: Any) -> Any:
    if field.format == "http-url" and isinstance(value, str) and _HOST.fullmatch(text := value.strip()):
        return f"https://{text}"
    return value


class _Misfit(Exception):  # noqa: N818  # a signal inside this module, never an error of the house
    """A value that does not fit its field, with every (path, problem) found in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = problems


Convert = Callable[[Any, str, list[Note]], Any]
"""(value, path, notes) -> the value that fits; raises _Misfit; adds notes for what it leaves out."""

_PLAIN_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "string": (str,),
    "text": (str,),
    "password": (str,),
    "boolean": (bool,),
    "number": (int, float),
    "integer": (int,),
    "object": (dict,),
}


def _plain_types(field: Field) -> tuple[type, ...]:
    """The Python types of which every value fits as it is; none when each must be looked at."""
    bounded = field.choices or field.format or field.minimum or field.maximum
    if field.multiple or field.properties is not None or bounded:
        return ()
    return _PLAIN_TYPES.get(field.type, ())


def _converter(field: Field) -> Convert:
    single = _single_converter(field)
    return _list_converter(field, single) if field.multiple else single


def _single_converter(field: Field) -> Convert:
    if field.type == "object":
        return _free_object if field.properties is None else _object_converter(field)
    cast: Callable[[Any], Any] = _CASTS.get(field.type, _to_text)
    expected = _expected(field)
    check = rule_of(field)

    def convert(value: Any, path: str, notes: list[Note]) -> Any:
        if value is None and field.takes_null:
            return None
        found = value[0] if value.__class__ is list and len(value) == 1 else value
        fitted = found if field.type == "datetime" and _is_number(found) else cast(found)
        if fitted is None:
            raise _Misfit([(path, f"must be {expected}, found {described(value)}")])
        rule = check(fitted) if check is not None else ""
        if rule:
            raise _Misfit([(path, f"must be {rule}, found {described(value)} that is not")])
        return fitted

    return convert


def _free_object(value: Any, path: str, notes: list[Note]) -> Any:
    if value.__class__ is dict:
        return value
    raise _Misfit([(path, f"must be an object, found {described(value)}")])


def _object_converter(field: Field) -> Convert:
    members = {
        key: (_plain_types(member), _converter(member), member)
        for key, member in (field.properties or {}).items()
    }
    required = tuple(key for key, (_, _, member) in members.items() if member.required is True)

    def convert(value: Any, path: str, notes: list[Note]) -> Any:
        found = _free_object(value, path, notes)
        fitted: dict[str, Any] = {}
        problems: list[Problem] = []
        unfit: set[str] = set()
        for key, inner in found.items():
            slot = members.get(key)
            if slot is None:
                if field.additional_properties:
                    fitted[key] = inner
                continue
            plain, convert_member, member = slot
            if inner.__class__ in plain:
                fitted[key] = inner
                continue
            if (inner is None and not member.takes_null) or (inner == "" and _drops_blank(member, path)):
                continue
            try:
                fitted[key] = convert_member(inner, f"{path}.{key}", notes)
            except _Misfit as misfit:
                if member.required is True or member.essential:
                    problems.extend(misfit.problems)
                    unfit.add(key)
                else:
                    notes.extend((where, f"{problem}; left out") for where, problem in misfit.problems)
        problems.extend(
            (f"{path}.{key}", "is required but has no value")
            for key in required
            if key not in fitted and key not in unfit
        )
        if problems:
            raise _Misfit(problems)
        return fitted

    return convert


def _drops_blank(member: Field, path: str) -> bool:
    # Elements of lists are not cleaned of "" (a price of "" in a product is a fault, not a gap).
    return not member.takes_blank and not path.endswith("]")


def _list_converter(field: Field, single: Convert) -> Convert:
    keeps_blank = field.type in TEXT_TYPES
    keeps_bad = field.required is True or field.essential
    plain = _plain_types(replace(field, multiple=False))

    def convert(value: Any, path: str, notes: list[Note]) -> Any:
        if value.__class__ is list and all(element.__class__ in plain for element in value):
            return value
        elements = value if value.__class__ is list else [value]
        fitted: list[Any] = []
        problems: list[Problem] = []
        left = 0
        for index, element in enumerate(elements):
            if element is None or (element == "" and not keeps_blank):
                continue
            left += 1
            try:
                fitted.append(single(element, f"{path}[{index}]", notes))
            except _Misfit as misfit:
                problems.extend(misfit.problems)
        if problems and (keeps_bad or not fitted):
            raise _Misfit(problems)
        notes.extend((where, f"{problem}; this element is left out") for where, problem in problems)
        return fitted

    return convert


def _to_text(value: Any) -> str | None:
    if value.__class__ is str:
        return str(value)
    if value.__class__ is bool:
        return "true" if value else "false"
    if _is_number(value):
        return number_text(value)
    return "" if value is None else None


def _to_number(value: Any) -> Any:
    if _is_number(value):
        return value
    if value.__class__ is bool or value is None:
        return int(value or 0)
    if value.__class__ is str and value:
        number = number_of(value)
        if number != number or abs(number) == float("inf"):
            return None
        return int(number) if number == int(number) and abs(number) < 2**53 else number
    return None


def _to_integer(value: Any) -> int | None:
    number = _to_number(value)
    return None if number is None or number % 1 else int(number)


def _to_boolean(value: Any) -> bool | None:
    if value.__class__ is bool:
        return bool(value)
    if value == "true" or value == 1:
        return True
    if value == "false" or value == 0 or value is None:
        return False
    return None


_CASTS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "number": _to_number,
    "integer": _to_integer,
    "boolean": _to_boolean,
}

_EXPECTED: Final[Mapping[str, str]] = {
    "text": "a text",
    "string": "a text",
    "password": "a text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "datetime": "a date",
    "object": "an object",
}


def _expected(field: Field) -> str:
    return _EXPECTED[field.type] + (" or null" if field.takes_null else "")


_KINDS: Final[Mapping[str, str]] = {
    "string": "a text",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def described(value: object) -> str:
    """Name the type of a JSON value in a sentence, never the value: "a text", "a list"."""
    name = type_name(value)
    return _KINDS.get(name, name)


def _is_number(value: Any) -> bool:
    return value.__class__ is int or value.__class__ is float
