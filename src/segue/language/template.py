"""Templates: ``{{ path }}`` and ``{{{ path }}}`` in a text, filled from the payload.

    compose("{{shop}} / {{ cart.items[0].sku }}", payload, pointer)  ->  "Nord / A1"

First the triple braces are filled, then the double ones in what that gave. Missing and null values
leave nothing; nothing is escaped.
"""

import re
from functools import lru_cache
from typing import Any, Final

from segue.language.javascript import UNDEFINED, WHITESPACE, text_of
from segue.language.path import lookup, split_bare
from segue.model.errors import InvalidMapping

LONGEST: Final = 1_000_000
"""Most characters a text may grow to."""

_TRIPLE: Final = re.compile(r"\{\{\{([^}]+)\}\}\}")
_DOUBLE: Final = re.compile(r"\{\{([^}]+)\}\}")

Part = str | tuple[str, ...]
"""A piece of a template: text as it is, or the keys of a value."""


def compose(template: str, payload: Any, pointer: str) -> str:
    """Fill a template from a payload. Raises InvalidMapping when the text grows past LONGEST."""
    parts, has_triple = parts_of(template)
    if has_triple:
        parts, _ = parts_of(_filled(parts_of_triple(template), payload, pointer), double=True)
    return _filled(parts, payload, pointer)


def shown(value: Any) -> str:
    """Give the text a value leaves in a template."""
    return "" if value is UNDEFINED or value is None else text_of(value)


@lru_cache(maxsize=2048)
def parts_of(template: str, *, double: bool = False) -> tuple[tuple[Part, ...], bool]:
    """Split a template at its double braces; say also whether triple ones must be filled before."""
    return _split(_DOUBLE, template), not double and _TRIPLE.search(template) is not None


@lru_cache(maxsize=2048)
def parts_of_triple(template: str) -> tuple[Part, ...]:
    """Split a template at its triple braces."""
    return _split(_TRIPLE, template)


def bounded(text: str, pointer: str) -> str:
    """Pass a text on unless it has grown too long."""
    if len(text) > LONGEST:
        raise InvalidMapping([(pointer, f"gives a text of {len(text):,} characters, more than {LONGEST:,}")])
    return text


def _split(pattern: re.Pattern[str], template: str) -> tuple[Part, ...]:
    parts: list[Part] = []
    position = 0
    for match in pattern.finditer(template):
        if match.start() > position:
            parts.append(template[position : match.start()])
        parts.append(split_bare(match[1].strip(WHITESPACE)))
        position = match.end()
    if position < len(template):
        parts.append(template[position:])
    return tuple(parts)


def _filled(parts: tuple[Part, ...], payload: Any, pointer: str) -> str:
    pieces = [part if type(part) is str else shown(lookup(payload, part)) for part in parts]
    return bounded("".join(pieces), pointer)
