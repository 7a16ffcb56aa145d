"""The built plugins that are committed: those of the sources, checked by the compiler, small, all ours."""

import gzip
import hashlib
import json
import subprocess
from pathlib import Path
from typing import Final

from tests.plugin.stage import BUILT

PLUGIN: Final = Path(__file__).parents[2] / "plugin"
REMEDY: Final = "run `make plugins` and commit src/segue/web/plugins"


def _files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_fresh_build_gives_the_committed_bytes(tmp_path: Path) -> None:
    """Who installs Segue needs no Node, and who reads the sources reads what is served."""
    subprocess.run(["node", "build.mjs", str(tmp_path)], cwd=PLUGIN, check=True, timeout=60)
    assert _files(tmp_path) == _files(BUILT), REMEDY


def test_the_compiler_finds_no_fault() -> None:
    """TypeScript in its strictest reading."""
    done = subprocess.run(
        ["node_modules/.bin/tsc", "--noEmit"],
        cwd=PLUGIN,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_a_file_is_named_after_its_content() -> None:
    """Browsers may keep it for ever."""
    manifest = json.loads((BUILT / "manifest.json").read_text(encoding="utf-8"))
    assert sorted(manifest) == ["appboy", "braze", "braze-cloud-plugins"]
    for name, file in manifest.items():
        content = (BUILT / name / file).read_bytes()
        assert file == f"{hashlib.sha256(content).hexdigest()[:20]}.js"


def test_a_plugin_is_small() -> None:
    """At most 20 kB on the wire."""
    for path in BUILT.rglob("*.js"):
        assert len(gzip.compress(path.read_bytes())) < 20_000, path


def test_no_part_of_brazes_sdk_is_in_it() -> None:
    """Its licence forbids handing it on. Neither is it a dependency, nor are its marks in the files."""
    assert "@braze" not in (PLUGIN / "package-lock.json").read_text(encoding="utf-8")
    for path in BUILT.rglob("*.js"):
        assert "ab.storage" not in path.read_text(encoding="utf-8")
