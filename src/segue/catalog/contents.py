"""The catalogue: every destination there is, ours by hand, those of installed packages by entry point.

    catalogue()["braze"]        one page by its slug
    load()                      the same with the faults of packages whose page does not load

A package adds a page with an entry point in the group ``segue.destinations`` whose object is a
`segue.kit.partner.Destination`.
"""

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from segue.catalog.braze.classic import BRAZE_CLASSIC
from segue.catalog.braze.destination import BRAZE
from segue.catalog.braze.device import BRAZE_CLASSIC_WEB, BRAZE_MOBILE, BRAZE_WEB
from segue.catalog.webhook import WEBHOOK
from segue.kit.partner import Destination
from segue.model.errors import Fault

CONTENTS: Final = (BRAZE, BRAZE_WEB, BRAZE_MOBILE, BRAZE_CLASSIC, BRAZE_CLASSIC_WEB, WEBHOOK)

GROUP: Final = "segue.destinations"


def catalogue() -> Mapping[str, Destination]:
    """Every page that loads, by slug."""
    return load()[0]


def load(entries: Iterable[EntryPoint] | None = None) -> tuple[Mapping[str, Destination], list[Fault]]:
    """Every page by slug, and a fault for each installed package whose page cannot be used.

    entries  the entry points to look at; those of the installed packages when not given
    """
    pages = {page.slug: page for page in CONTENTS}
    faults: list[Fault] = []
    for entry in entry_points(group=GROUP) if entries is None else entries:
        page, problem = _load_one(entry)
        if page is not None and page.slug in pages:
            problem = f'its destination is called "{page.slug}", which there is already'
        if page is None or problem:
            package = entry.dist.name if entry.dist is not None else entry.value.split(":")[0]
            faults.append(
                Fault(
                    place=f"packages.{package}",
                    problem=f'the entry point "{entry.name}" of {GROUP} cannot be used: {problem}.',
                    remedy="Update or remove the package; the rest of the catalogue works without it.",
                    warning=True,
                )
            )
        else:
            pages[page.slug] = page
    return pages, faults


def _load_one(entry: EntryPoint) -> tuple[Destination | None, str]:
    try:
        page = entry.load()
    except Exception as error:  # a stranger's module may fail in any way; it becomes a fault
        return None, f"{type(error).__name__}: {error}"
    if not isinstance(page, Destination):
        return None, f"{entry.value} is a {type(page).__name__}, not a Destination"
    return page, ""
