"""`segue sandbox`: the sandbox as a process of its own, with everything that can be said at its start.

`python -m segue.sandbox` is the same. Loads nothing but the sandbox, so it answers in well under a second.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import apsw
import msgspec

from segue.sandbox.app import Sandbox, create_app, serve
from segue.sandbox.seed import DEFAULT_KEY, Key, Seed, default_seed
from segue.sandbox.switches import Switches, describe

ABOUT = "Run the sandbox alone: a stateful Braze on this machine, for tests, development and demonstrations."
EXAMPLES = """\
examples
  segue sandbox                                  everything in memory, gone at the end
  segue sandbox --state braze.sqlite             kept in a file, a million people in bounded memory
  segue sandbox --port 0 --key my-key            any free port; the address is the first line printed
  segue sandbox --profile mau --delay 10-100     another contract; answers before their effect, as at Braze
  segue sandbox --strict                         refuse whatever Braze would take and ignore
  segue sandbox --set error_style=enum --set array_max_length=25
  segue sandbox --print-seed > seed.json         a furnished world to edit; begin with it: --seed seed.json

then
  curl http://127.0.0.1:8089/users/track -H 'Authorization: Bearer sandbox' \\
    -H 'Content-Type: application/json' -d '{"attributes": [{"external_id": "ann", "plan": "gold"}]}'
  and open http://127.0.0.1:8089/_sandbox/ to see what became of ann.

Faults, time, seeds and snapshots: the control API, http://127.0.0.1:8089/_sandbox/openapi.json, and
docs/sandbox.md. Exit codes: 0 stopped, 2 could not begin; the reason is on stderr."""


class Unusable(Exception):  # noqa: N818 - the words that end the process, not a fault of ours
    """Why the sandbox cannot begin, in words for whoever started it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until stopped; 2 when it cannot begin, with the reason in words."""
    parser = _parser()
    asked = parser.parse_args(arguments)
    try:
        if asked.print_seed:
            seed = default_seed(asked.key or DEFAULT_KEY)
            print(msgspec.json.format(msgspec.json.encode(seed)).decode())
            return 0
        if asked.switches:
            print("\n".join(f"{name:28} {about}" for name, about in describe().items()))
            return 0
        asyncio.run(_serve(_app(asked), asked))
    except apsw.Error as fault:
        told = "another sandbox has it open" if isinstance(fault, apsw.BusyError) else str(fault)
        print(f"--state {asked.state}: {told}. Name another file, or a new one.", file=sys.stderr)
        return 2
    except Unusable as fault:
        print(fault, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


def _app(asked: argparse.Namespace) -> Sandbox:
    """The sandbox asked for. Raises Unusable: the seed, a switch or the key is no good."""
    wanted = _wanted(asked)
    seed = _seed(asked.seed)
    try:
        app = create_app(
            key=asked.key or DEFAULT_KEY,
            keep=asked.keep,
            journal_size=asked.journal,
            random_seed=asked.random_seed,
            seed=seed,
            state_file=asked.state,
        )
    except (ValueError, RecursionError) as fault:
        what = (
            f"--seed {asked.seed}: the seed" if seed is not None else f"--state {asked.state}: what it holds"
        )
        raise Unusable(f"{what} cannot be used: {fault}") from fault
    world = app.world
    if asked.key and asked.key not in world.keys and world.workspaces:
        world.add_key(
            Key(key=asked.key, name="from the command line", workspace=next(iter(world.workspaces)))
        )
    if wanted:
        now = {name: getattr(world.switches, name) for name in Switches.__struct_fields__}
        try:
            world.begin_with(msgspec.convert({**now, **wanted}, type=Switches, strict=False))
        except msgspec.ValidationError as fault:
            raise Unusable(f"a switch cannot be set: {fault}. List them with --switches.") from fault
    return app


async def _serve(app: Sandbox, asked: argparse.Namespace) -> None:
    """Serve, and say where as soon as somebody can come."""
    started: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    started.add_done_callback(lambda port: print(_welcome(app, asked, port.result()), flush=True))
    try:
        await serve(app, host=asked.host, port=asked.port, started=started)
    except (OSError, UnicodeError) as fault:  # UnicodeError: a name that no host can have
        reason = getattr(fault, "strerror", None) or fault
        raise Unusable(
            f"cannot listen on {asked.host}:{asked.port}: {reason}. Choose another --host or --port."
        ) from fault


def _welcome(app: Sandbox, asked: argparse.Namespace, port: int) -> str:
    host = f"[{asked.host}]" if ":" in asked.host else asked.host
    kept = f"kept in {asked.state}" if asked.state else "in memory, gone when it stops"
    if not asked.keep:
        kept = "counted only, no profile is kept"
    keys = list(app.world.keys)
    apps = [one.app_id for workspace in app.world.workspaces.values() for one in workspace.furnishing.apps]
    return (
        f"Sandbox at http://{host}:{port}  not Braze: nothing leaves this machine\n"
        f"  REST key        {', '.join(keys[:5]) or 'none'}\n"
        f"  app identifier  {', '.join(apps[:5]) or 'none'}\n"
        f"  dashboard       http://{host}:{port}/_sandbox/\n"
        f"  state           {kept}"
    )


def _seed(path: Path | None) -> Seed | None:
    """The seed in a file. Raises Unusable: it cannot be read or is none."""
    if path is None:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Seed)
    except OSError as fault:
        raise Unusable(f"--seed {path}: cannot be read: {fault.strerror}") from fault
    except (ValueError, RecursionError) as fault:  # a decode error is a ValueError too
        raise Unusable(f"--seed {path}: the seed cannot be used: {fault}. See --print-seed.") from fault


def _wanted(asked: argparse.Namespace) -> dict[str, Any]:
    """The switches asked for, as typed. Raises Unusable: there is no such switch."""
    wanted: dict[str, Any] = {}
    if asked.profile:
        wanted["profile"] = asked.profile
    if asked.strict:
        wanted["strictness"] = "strict"
    if asked.delay:
        least, _, most = asked.delay.partition("-")
        wanted["processing_delay_ms"] = [least, most or least]
    for pair in asked.set or []:
        name, given, value = pair.partition("=")
        if not given:
            raise Unusable(f"--set {pair}: expected NAME=VALUE, for instance --set profile=mau")
        if name not in Switches.__struct_fields__:
            raise Unusable(f"--set {pair}: there is no switch {name!r}; list them with --switches")
        wanted[name] = _read(value)
    return wanted


def _read(value: str) -> Any:
    """A value as typed: JSON where it is some, else the text."""
    try:
        return msgspec.json.decode(value)
    except msgspec.DecodeError:
        return value


def options() -> list[tuple[str, str]]:
    """Each option as one types it, and what it does: for the reference."""
    return [
        (", ".join(action.option_strings), action.help or "")
        for action in _parser()._actions  # argparse has no public way to list them
        if action.help and "--help" not in action.option_strings
    ]


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535:
        raise argparse.ArgumentTypeError(f"{text} is not in the range 0 to 65535")
    return port


def _count(text: str) -> int:
    count = int(text)
    if count < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return count


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="segue sandbox",
        usage="segue sandbox [options]",
        description=ABOUT,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    where = parser.add_argument_group("where it listens")
    where.add_argument("--host", default="127.0.0.1", help="Address to listen on (127.0.0.1).")
    where.add_argument("--port", "-p", type=_port, default=8089, help="Port (8089); 0 takes any free one.")
    world = parser.add_argument_group("what it begins with")
    world.add_argument("--state", type=Path, metavar="FILE", help="SQLite file to keep everything in.")
    world.add_argument(
        "--seed", type=Path, metavar="FILE",
        help="JSON file of workspaces, keys, people, switches; what a --state file holds goes before.",
    )  # fmt: skip
    world.add_argument(
        "--key", help=f"REST key with every permission ({DEFAULT_KEY}); in force beside those of a seed."
    )
    world.add_argument("--print-seed", action="store_true", help="Print the usual seed as JSON and leave.")
    ways = parser.add_argument_group("how it behaves")
    ways.add_argument(
        "--profile", choices=["legacy", "standard", "mau"], help="Contract: object caps, limits and headers."
    )
    ways.add_argument(
        "--strict",
        action="store_true",
        help="Refuse what Braze lets pass and ignores, instead of a warning in the log.",
    )
    ways.add_argument(
        "--delay", metavar="MS", help="Wait between answer and effect, for instance 50 or 10-100; none else."
    )
    ways.add_argument(
        "--set",
        action="append",
        metavar="NAME=VALUE",
        help="Any switch; may be given again. Goes before the seed's.",
    )
    ways.add_argument("--switches", action="store_true", help="Print every switch with its mark and leave.")
    ways.add_argument(
        "--random-seed", type=int, default=0, metavar="N", help="Of the chances of faults and delays (0)."
    )
    ways.add_argument(
        "--journal", type=_count, default=1_000, metavar="N", help="Calls kept in the usage log (1000)."
    )
    ways.add_argument(
        "--keep", action=argparse.BooleanOptionalAction, default=True,
        help="Keep profiles; with --no-keep it authenticates, parses and counts only (load tests).",
    )  # fmt: skip
    return parser
