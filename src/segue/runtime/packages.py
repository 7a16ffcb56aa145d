"""analytics.js into the data folder: fetched with npm in its published form, or taken from a file.

    fetch(settings)                 the pinned version, by npm; its hash is compared
    add(settings, path)             a package somebody brought
    installed(settings)             ("1.84.3",), the newest first

It is Segment's work under the MIT licence, so it is not part of ours; `docs/decisions/0006` says why this
way. npm is asked for one package and runs none of its scripts.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from segue.io.storage.scripts import PACKAGE, install, read_shelf
from segue.model.errors import MisconfiguredError, UnavailableError
from segue.runtime.folders import sdk_folder
from segue.runtime.settings import Settings

VERSION: Final = "1.84.3"
"""The version the tests run with, and `segue run` serves unless there is a newer one."""

PINNED: Final[Mapping[str, str]] = {
    VERSION: "sha512-"
    "5l7cPBzScxhfJ0zdcKQI4daDvMIWWUk7hClT1xGRelnHUltIEoQ9w8+ZpFPoWJMpX8D7IA1nVAfJbpiKi3XaKw==",
}
"""The hash of each known version, from the lock file of the tests."""

FETCH_SECONDS: Final = 120


def fetch(settings: Settings, version: str = VERSION) -> str:
    """Install a version by npm; does nothing when it is there. Gives the version.

    Raises MisconfiguredError without npm or for a package that is not as published, UnavailableError when
    npm cannot get it.
    """
    if version in installed(settings):
        return version
    npm = shutil.which("npm")
    if npm is None:
        raise MisconfiguredError(
            "npm is not on this machine, and analytics.js is fetched with it. On another machine run "
            f"`npm pack {PACKAGE}@{version}`, bring the file here, and run `segue sdk add FILE`."
        )
    with tempfile.TemporaryDirectory(prefix="segue-sdk-") as folder:
        command = [npm, "pack", f"{PACKAGE}@{version}", "--pack-destination", folder]
        command += ["--silent", "--ignore-scripts"]
        try:
            done = subprocess.run(  # noqa: S603 - npm found on the path, the version is checked by it
                command, capture_output=True, text=True, timeout=FETCH_SECONDS, check=False, cwd=folder
            )
        except subprocess.TimeoutExpired as error:
            raise UnavailableError(f"npm did not answer within {FETCH_SECONDS} s; try again.") from error
        packed = sorted(Path(folder).glob("*.tgz"))
        if done.returncode or not packed:
            said = (done.stderr or done.stdout).strip().splitlines()
            reason = said[-1][:200] if said else f"it ended with {done.returncode}"
            raise UnavailableError(f"npm could not get {PACKAGE} {version}: {reason}")
        return install(sdk_folder(settings), packed[0].read_bytes(), PINNED.get(version, ""))


def add(settings: Settings, path: Path) -> str:
    """Install a package from a file, as `npm pack` makes it. A known version must be as it was published."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise MisconfiguredError(f"{path} cannot be read: {error.strerror or error}.") from error
    pinned = next((value for name, value in PINNED.items() if path.name.endswith(f"-{name}.tgz")), "")
    return install(sdk_folder(settings), content, pinned)


def installed(settings: Settings) -> tuple[str, ...]:
    """The versions there are, the newest first."""
    return read_shelf(sdk_folder(settings)).versions
