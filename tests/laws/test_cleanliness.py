"""No file carries where it was made: no package registry, no path of somebody's machine."""

from typing import Final

from tests.laws.house import kept_files, named

MARKS: Final = tuple(
    "".join(pieces)
    for pieces in (
        # In pieces, so that this file does not find itself.
        ("pypi", ".org"),
        ("pythonhosted", ".org"),
        ("registry", ".npmjs", ".org"),
        ("registry", ".yarnpkg", ".com"),
        ("deb", ".debian", ".org"),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("/Us", "ers/"),
    )
)

BINARY: Final = frozenset({".png", ".jpg", ".gif", ".ico", ".woff2", ".gz", ".zst", ".sqlite", ".pdf"})


def test_no_file_names_a_registry_or_a_path_of_a_machine() -> None:
    """Where things are installed from is told to the installing machine, not written down here."""
    found = []
    for path in kept_files():
        if path.suffix in BINARY:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            found += [f"{named(path)}:{number} has {mark}" for mark in MARKS if mark in line]
    assert found == []
