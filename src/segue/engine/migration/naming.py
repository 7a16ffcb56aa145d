"""Short names for things that had long ones: lower-case, unique, and the same again next time.

    names(["src_2", "src_1"], words={"src_1": ["Shop"], "src_2": ["Shop", "Shop web"]})
    -> {"src_1": "shop", "src_2": "shop-web"}

A name depends on the things and their words, never on the order they come in.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

LONGEST: Final = 64
"""Characters of an id in the workspace file."""

TAIL: Final = 6
"""Characters of a Segment id that tell two things of the same name apart."""


def names(ids: Iterable[str], words: Mapping[str, Sequence[str]], *, fallback: str) -> dict[str, str]:
    """Give each id a name of its own: the first of its words that is still free, else one with the end of
    the id, else a numbered one. `fallback` names what has no usable word."""
    taken: dict[str, str] = {}
    for id_ in sorted(ids):
        chosen = next(name for name in _candidates(id_, words.get(id_, ()), fallback) if name not in taken)
        taken[chosen] = id_
    return {id_: name for name, id_ in taken.items()}


def slug(text: str, longest: int = LONGEST) -> str:
    """A text as an id: lower-case letters, digits and single dashes; "" when none of it can be kept."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:longest].rstrip("-")


def variable(words: Sequence[str], taken: Iterable[str]) -> str:
    """A name for a variable of the environment that is not taken: ``BRAZE_EU_API_KEY``."""
    stem = re.sub(r"[^A-Z0-9]+", "_", "_".join(words).upper()).strip("_") or "SECRET"
    if stem[0].isdigit() or stem.startswith("SEGUE_"):  # the latter are the process's own
        stem = f"DESTINATION_{stem}"
    used = set(taken)
    return next(name for name in _numbered(stem, "_", 200) if name not in used)


def _candidates(id_: str, words: Sequence[str], fallback: str) -> Iterator[str]:
    slugs = [made for word in words if (made := slug(word))]
    yield from slugs
    stem = slugs[-1] if slugs else fallback
    tail = slug(id_)[-TAIL:].strip("-")
    if tail:
        stem = f"{stem[: LONGEST - TAIL - 1].rstrip('-')}-{tail}"
        yield stem
    yield from _numbered(stem, "-", LONGEST)


def _numbered(stem: str, mark: str, longest: int) -> Iterator[str]:
    yield stem
    number = 2
    while True:
        end = f"{mark}{number}"
        yield f"{stem[: longest - len(end)]}{end}"
        number += 1
