"""Paths: where in an event a value is found, ``$.cart.items[0].sku``.

    split("$.cart['items'][0].sku")  ->  ("cart", "items", "0", "sku")
    lookup(event, ("cart", "items", "0", "sku"))  ->  "A1", or UNDEFINED

No wildcards, filters, negative indexes or escapes; dots inside quotes still split, so a key that holds
a dot or a quote cannot be reached.
"""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from segue.language.javascript import UNDEFINED, Undefined, member

__all__ = ["UNDEFINED", "Undefined", "lookup", "split", "split_bare"]

_SPLIT: Final = re.compile(r"""\[(?=["'0-9])|\.|(?<=["'0-9])\]+""")


@lru_cache(maxsize=4096)
def split(text: str) -> tuple[str, ...]:
    """Split a path into keys; the first ``$.`` anywhere in it is dropped. No key: the whole payload."""
    return split_bare(text.replace("$.", "", 1))


@lru_cache(maxsize=4096)
def split_bare(text: str) -> tuple[str, ...]:
    """Split a path in which ``$.`` means nothing, as inside ``{{ }}``."""
    pieces = [piece for piece in _SPLIT.split(text) if piece]
    return tuple(piece.replace("'", "").replace('"', "") for piece in pieces)


def lookup(root: Any, keys: Sequence[str]) -> Any:
    """Walk from `root` along `keys`; UNDEFINED when there is nothing.

    A falsy value on the way (None, False, 0, ``""``) is itself the answer, whatever keys remain.
    """
    value = root
    for key in keys:
        if type(value) is dict:
            value = value.get(key, UNDEFINED)
        elif type(value) is list:
            value = member(value, key)
        elif not value or value != value:
            return value
        else:
            value = member(value, key)
    return value
