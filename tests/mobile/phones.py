"""Phones for the tests: Segment's SDKs for React Native and Kotlin with Braze's plugins, all as published.

    react_native({"os": "ios", "config": {...}, "calls": [...]})   -> what happened (react_native/app.cjs)
    with kotlin() as phone: phone.ask({"do": "run", ...})          -> what happened (kotlin/Phone.java)

The first runs in Node, the second on a JVM. What belongs to the operating system, and Braze's own SDK, are
stand-ins that note their calls.
"""

import contextlib
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

HERE: Final = Path(__file__).parent
REACT_NATIVE: Final = HERE / "react_native"
KOTLIN: Final = HERE / "kotlin"
SECONDS: Final = 60.0
Order = Mapping[str, Any]


def react_native(order: Order) -> Any:
    """Run an app in Node. Anything but a whole answer fails the test with what the app said."""
    node = shutil.which("node")
    assert node, "the tests need Node"
    ended = subprocess.run(
        [node, "app.cjs", json.dumps(order)],
        cwd=REACT_NATIVE,
        capture_output=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-4000:]
    result = json.loads(ended.stdout)
    assert result["refused"] == [] or order.get("strays"), "the SDK asked for an address that is not ours"
    return result


@cache
def built_debounce(folder: Path) -> str:
    """Compile our React Native plugin, its types checked against the published SDK; gives the module."""
    compiler = REACT_NATIVE / "node_modules" / "typescript" / "bin" / "tsc"
    ended = subprocess.run(
        ["node", compiler, "-p", REACT_NATIVE, "--outDir", folder], capture_output=True, check=False
    )
    assert ended.returncode == 0, ended.stdout.decode()
    # Node looks for the SDK beside the module.
    (folder / "node_modules").symlink_to(REACT_NATIVE / "node_modules")
    return str(folder / "index.js")


class KotlinPhone:
    """A JVM that takes orders."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def ask(self, order: Order) -> Any:
        """Give an order and wait for its answer."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, "the JVM ended: see the captured error stream"
        return json.loads(answer)


@contextlib.contextmanager
def kotlin() -> Iterator[KotlinPhone]:
    """A JVM with the Kotlin SDK; skips the test, aloud, where set-up could not fetch it."""
    build = KOTLIN / "build"
    if not (build / "classes").is_dir():
        pytest.skip("the Kotlin SDK is not here: Maven Central could not be reached, run make setup-test")
    java = shutil.which("java")
    assert java, "the tests need Java"
    path = ":".join(
        map(str, [build / "classes", *sorted((build / "jars").glob("*.jar")), build / "classes.jar"])
    )
    quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xmx256m", "-Duser.timezone=UTC"]
    process = subprocess.Popen(
        [java, *quick, "-classpath", path, "Phone"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield KotlinPhone(process)
    finally:
        process.kill()
        process.wait(60)
        assert process.stdin
        assert process.stdout
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.stdout.close()
