"""Cases for the built plugins, played by Node with a recording stand-in for Braze's SDK: `play.mjs`.

play("braze", [{"settings": {…}, "steps": [{"event": {…}}]}])  ->  [{"calls": [["changeUser", "u1"], …], …}]
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
BUILT: Final = HERE.parents[1] / "src" / "segue" / "web" / "plugins"
LIBRARIES: Final = {"braze": "brazeDestination", "braze-cloud-plugins": "braze-cloud-pluginsDestination"}


def script(name: str) -> Path:
    """The built file of a plugin."""
    manifest = json.loads((BUILT / "manifest.json").read_text(encoding="utf-8"))
    return BUILT / name / str(manifest[name])


def play(name: str, cases: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What each case made of the plugin: calls of the SDK, flags of the events, lines on the console."""
    asked = {"file": str(script(name)), "library": LIBRARIES[name], "cases": cases}
    done = subprocess.run(
        ["node", str(HERE / "play.mjs")],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    played: list[dict[str, Any]] = json.loads(done.stdout)
    return played
