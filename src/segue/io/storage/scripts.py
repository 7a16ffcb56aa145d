"""Scripts for browsers, on disk: the published analytics.js in its versions, and our own beside it.

    install(folder, tarball, integrity)          unpack a published package, as npm packs it
    shelf = read_shelf(folder)                   shelf.versions -> ("1.84.3",), shelf.bundles["…js"]
    plugins = read_plugins(folder)               plugins.current["braze"] -> "0a1b….js"

A name is only ever looked up among the files that were found: nothing a request says becomes a path.
"""

import base64
import hashlib
import io
import json
import os
import re
import shutil
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from segue.model.errors import MisconfiguredError

PACKAGE: Final = "@segment/analytics-next"
INSIDE: Final = "package/dist/umd/"
STANDALONE: Final = "standalone.js"
LICENCES: Final = ("package/LICENSE", "package/LICENSE.MD", "package/LICENSE.md", "package/package.json")
MOST_BYTES: Final = 32 * 1024 * 1024
"""More than this is not the package; it has 2 MB packed."""

_SCRIPT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.js")
_FOLDER: Final = re.compile(r"[a-z][a-z0-9-]*")
_PLUGIN: Final = re.compile(r"[0-9a-f]{8,64}\.js")
_VERSION: Final = re.compile(r"\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?")


class Shelf(msgspec.Struct, frozen=True, kw_only=True):
    """analytics.js in the versions there are, the newest first.

    standalone  by version: the whole script, with the place for the write key in it
    bundles     by name, of all versions: names hold a hash of what is inside
    """

    versions: tuple[str, ...] = ()
    standalone: Mapping[str, bytes] = {}
    bundles: Mapping[str, bytes] = {}


class Plugins(msgspec.Struct, frozen=True, kw_only=True):
    """Our own scripts, as `make plugins` writes them.

    current  by folder: the name of the file served now, without the folder: {"braze": "3f0c….js"}
    files    (folder, name) -> content; older ones stay, for pages that have the settings of yesterday
    """

    current: Mapping[str, str] = {}
    files: Mapping[tuple[str, str], bytes] = {}


def read_shelf(folder: Path) -> Shelf:
    """What is installed in a folder; nothing when it is not there. Reads the disk, so it may block."""
    found = [each for each in _entries(folder) if _VERSION.fullmatch(each.name)]
    found.sort(key=lambda each: _order(each.name), reverse=True)
    standalone: dict[str, bytes] = {}
    bundles: dict[str, bytes] = {}
    for version in found:
        for path in _entries(version):
            if not _SCRIPT.fullmatch(path.name) or not path.is_file():
                continue
            if path.name == STANDALONE:
                standalone[version.name] = path.read_bytes()
            else:
                bundles.setdefault(path.name, path.read_bytes())
    return Shelf(versions=tuple(standalone), standalone=standalone, bundles=bundles)


def read_plugins(folder: Path) -> Plugins:
    """Our scripts and which of them are current. Raises MisconfiguredError when the manifest is broken."""
    files: dict[tuple[str, str], bytes] = {}
    for inner in _entries(folder):
        if _FOLDER.fullmatch(inner.name):
            for path in _entries(inner):
                if _PLUGIN.fullmatch(path.name):
                    files[inner.name, path.name] = path.read_bytes()
    manifest = folder / "manifest.json"
    try:
        named = msgspec.json.decode(manifest.read_bytes(), type=dict[str, str]) if manifest.is_file() else {}
    except msgspec.DecodeError as error:
        raise MisconfiguredError(f"{manifest} is broken: {error}. Install Segue again.") from error
    current = {name: file for name, file in named.items() if (name, file) in files}
    return Plugins(current=current, files=files)


def install(folder: Path, tarball: bytes, integrity: str = "") -> str:
    """Unpack a package into a folder of its version, and give the version. What is there is replaced.

    integrity  "sha512-…" as lock files have it; "" to take any
    Raises MisconfiguredError when this is not the package, or not as it was published.
    """
    if integrity and integrity != (found := integrity_of(tarball)):
        raise MisconfiguredError(
            f"the package is not the one that was published: expected {integrity}, found {found}. "
            "Fetch it again; if it stays so, something on the way changes it."
        )
    files = _unpack(tarball)
    try:
        described = json.loads(files["package.json"])
        name, version = described["name"], described["version"]
    except (KeyError, ValueError, TypeError) as error:
        raise MisconfiguredError(
            f"this is no package of {PACKAGE}: package.json is missing or broken."
        ) from error
    if name != PACKAGE or not _VERSION.fullmatch(str(version)) or STANDALONE not in files:
        raise MisconfiguredError(f"this is {name} {version}; expected {PACKAGE} with its {STANDALONE}.")
    folder.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=".new-", dir=folder))
    try:
        for file, content in files.items():
            (made / file).write_bytes(content)
        made.chmod(0o755)
        target = folder / version
        if target.exists():
            shutil.rmtree(target)
        os.replace(made, target)
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return str(version)


def integrity_of(content: bytes) -> str:
    """The hash of a package as lock files write it."""
    return "sha512-" + base64.b64encode(hashlib.sha512(content).digest()).decode()


def _unpack(tarball: bytes) -> dict[str, bytes]:
    """The scripts, the licence and the description, by bare name; nothing else is written anywhere."""
    files: dict[str, bytes] = {}
    size = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(tarball), mode="r:gz") as archive:
            for member in archive:
                size += max(0, member.size)
                if size > MOST_BYTES:
                    raise MisconfiguredError(f"the package is larger than {MOST_BYTES:,} bytes unpacked.")
                name = member.name.removeprefix(INSIDE)
                is_script = name != member.name and _SCRIPT.fullmatch(name) and name != "index.js"
                if member.isfile() and (is_script or member.name in LICENCES):
                    content = archive.extractfile(member)
                    files[name.rpartition("/")[2]] = content.read() if content is not None else b""
    except (tarfile.TarError, EOFError, OSError) as error:
        raise MisconfiguredError(f"this is no package as npm packs it: {error}.") from error
    return files


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _order(version: str) -> tuple[tuple[int, ...], bool]:
    """1.84.10 is newer than 1.84.9, and than 1.84.10-beta."""
    numbers, dash, _ = version.partition("-")
    return tuple(map(int, numbers.split("."))), not dash
