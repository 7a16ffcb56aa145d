"""Plain data held against a struct: each wrong key, wrong value and gap becomes a fault, none stops the rest.

form = Form(faults := [])
form.struct(Delivery, {"in_flight": "many", "bathcing": False}, "destinations.braze.delivery")
# faults: delivery.bathcing: unknown key … Did you mean "batching"?
#         delivery.in_flight: expected a whole number, found the text "many".
"""

import difflib
import types
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin

import msgspec

from segue.io.storage.document import WHOLE, Filled, Missing, join, scalar
from segue.model.errors import Fault

T = TypeVar("T", bound=msgspec.Struct)

Bounds = Mapping[tuple[type, str], tuple[float, float]]
"""(struct, field) -> lowest and highest value."""

BOUNDLESS: Final = 2**60
"""An upper bound that is none."""

EXPECTED: Final[Mapping[Any, str]] = {
    str: "text",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    Mapping: "a mapping of names to values",
    tuple: "a list",
}


class Form:
    """Holds the faults found so far; each method notes what it finds and gives what could be read."""

    def __init__(self, faults: list[Fault], bounds: Bounds | None = None) -> None:
        self.faults = faults
        self.bounds = bounds or {}

    def fault(self, place: str, problem: str, remedy: str = "") -> None:
        """Note one thing that is wrong."""
        self.faults.append(Fault(place=place or WHOLE, problem=problem, remedy=remedy))

    def wrong(self, place: str, expected: str, given: Any, remedy: str = "") -> None:
        """Note a value of the wrong type; one whose variable was missing has its fault already."""
        if not isinstance(given, Missing):
            self.fault(place, f"expected {expected}, found {found(given)}.", remedy)

    def mapping(
        self, given: Any, place: str, expected: str = "a mapping of names to values"
    ) -> dict[str, Any]:
        """The mapping, or an empty one with the fault noted; nothing written is an empty one too."""
        if isinstance(given, dict):
            return given
        if given is not None:
            self.wrong(place, expected, given)
        return {}

    def known(self, given: Mapping[str, Any], names: Collection[str], place: str) -> None:
        """Note each key that is none of `names`."""
        for key in given:
            if key not in names:
                remedy = meant(key, names) or f"Known here: {', '.join(sorted(names))}."
                self.fault(join(place, key), f'unknown key "{key}".', remedy)

    def struct(
        self,
        kind: type[T],
        given: Any,
        place: str,
        *,
        fixed: Mapping[str, Any] | None = None,
        readers: Mapping[str, Callable[[Any, str], Any]] | None = None,
    ) -> T | None:
        """Make a struct of what is right in a mapping; None when something it cannot do without is wrong.

        fixed    fields the caller knows, not to be written
        readers  fields with a form of their own: (value, place) -> value
        """
        is_whole = True
        if not isinstance(given, dict):
            self.wrong(place, EXPECTED[Mapping], given)
            return None
        fixed, readers = fixed or {}, readers or {}
        fields = {
            field.encode_name: field for field in msgspec.structs.fields(kind) if field.name not in fixed
        }
        self.known(given, fields, place)
        values = dict(fixed)
        for key, field in fields.items():
            inner = join(place, key)
            value = given.get(key)
            if value is None:  # absent, or a key with nothing after it: as if it were not written
                if field.required:
                    is_whole = False
                    self.fault(
                        inner, f"{key} is missing.", f"Add {key}: {EXPECTED.get(field.type, 'a value')}."
                    )
                continue
            reader = readers.get(field.name)
            value = reader(value, inner) if reader else self.value(field.type, value, inner)
            if isinstance(value, Missing):
                is_whole = is_whole and not field.required
                continue
            values[field.name] = value
            self._bound(kind, field.name, value, inner)
        return kind(**values) if is_whole else None

    def value(self, kind: Any, given: Any, place: str) -> Any:
        """Read one value of a plain type; `Missing` when it is wrong."""
        plain = self._plain(given, kind)
        if has_missing(plain):
            return Missing()
        try:
            return msgspec.convert(plain, kind, strict=True)
        except msgspec.ValidationError:
            self._mismatch(kind, given, place)
            return Missing()

    def _mismatch(self, kind: Any, given: Any, place: str) -> None:
        kinds = _alternatives(kind)
        if get_origin(kinds[0]) is Literal:
            choices = get_args(kinds[0])
            expected = "one of " + ", ".join(choices)
            self.wrong(place, expected, given, meant(given, choices) if isinstance(given, str) else "")
        elif get_origin(kinds[0]) is tuple and isinstance(given, list):
            inner = get_args(kinds[0])[0]
            for index, entry in enumerate(given):
                self.value(inner, entry, join(place, index))
        else:
            expected = EXPECTED.get(get_origin(kinds[0]) or kinds[0]) or EXPECTED[Mapping]
            self.wrong(place, expected, given, _remedy(kinds[0], given))

    def _bound(self, kind: type, name: str, value: Any, place: str) -> None:
        low, high = self.bounds.get((kind, name), (None, None))
        if low is not None and high is not None and value is not None and not low <= value <= high:
            bounds = f"{low:,.10g} on" if high >= BOUNDLESS else f"{low:,.10g} to {high:,.10g}"
            self.fault(place, f"expected a number from {bounds}, found {value:,.10g}.")

    def _plain(self, given: Any, kind: Any) -> Any:
        """Text from a variable as the type it is wanted as; everything else as it is."""
        if isinstance(given, Filled):
            text = str(given)
            word = scalar(text.strip())
            wanted = _alternatives(kind)
            return word if type(word) in wanted or (type(word) is int and float in wanted) else text
        if isinstance(given, list):
            return [self._plain(entry, None) for entry in given]
        if isinstance(given, dict):
            return {key: self._plain(entry, None) for key, entry in given.items()}
        return given


def found(given: Any) -> str:
    """Say what a value is, for a message: the text "yes", the number 5, a list, nothing."""
    match given:
        case None:
            return "nothing"
        case bool():
            return "true" if given else "false"
        case Filled():  # it came from a variable and may be secret
            return "text from a variable"
        case str():
            return f'the text "{given if len(given) <= 60 else given[:57] + "…"}"'
        case int() | float():
            return f"the number {given}"
        case list():
            return "a list"
        case _:
            return "a mapping"


def meant(given: str, choices: Collection[str]) -> str:
    """Suggest the closest of the known names; "" when none is close."""
    close = difflib.get_close_matches(given.lower(), choices, n=1, cutoff=0.6)
    return f'Did you mean "{close[0]}"?' if close else ""


def has_missing(given: Any) -> bool:
    """True when some value inside could not be filled in."""
    if isinstance(given, Missing):
        return True
    if isinstance(given, dict):
        return any(map(has_missing, given.values()))
    return isinstance(given, list) and any(map(has_missing, given))


def _alternatives(kind: Any) -> tuple[Any, ...]:
    if isinstance(kind, types.UnionType) or get_origin(kind) is Union:
        return tuple(each for each in get_args(kind) if each is not type(None))
    return (kind,)


def _remedy(kind: Any, given: Any) -> str:
    if kind is str and isinstance(given, (bool, int, float)):
        return "Put it in quotes."
    if kind is bool and isinstance(given, str) and given.lower() in ("yes", "no", "on", "off"):
        return f"Write {'true' if given.lower() in ('yes', 'on') else 'false'}."
    if kind is str and isinstance(given, (dict, list)):
        return "Put the text in quotes."
    return ""
