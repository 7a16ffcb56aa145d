"""`python -m segue.sandbox`: the sandbox alone, started in a moment.

python -m segue.sandbox --port 8089 --state braze.sqlite --seed seed.json
"""

import argparse
import sys
from pathlib import Path

import msgspec

from segue.sandbox.app import create_app, run
from segue.sandbox.world import DEFAULT_KEY, Seed


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped; 2 when it cannot begin, with the reason in words."""
    parser = argparse.ArgumentParser(
        prog="python -m segue.sandbox", description="A stateful Braze for tests."
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8089, help="port, 0 for any free one")
    parser.add_argument("--key", default=DEFAULT_KEY, help="the REST key it accepts")
    parser.add_argument("--state", type=Path, help="a SQLite file to keep everything in")
    parser.add_argument("--seed", type=Path, help="a JSON file with workspaces and keys to begin with")
    parser.add_argument("--no-keep", action="store_true", help="only count, for load tests")
    asked = parser.parse_args(arguments)
    try:
        seed = msgspec.json.decode(asked.seed.read_bytes(), type=Seed) if asked.seed is not None else None
        app = create_app(key=asked.key, keep=not asked.no_keep, seed=seed, state_file=asked.state)
    except (OSError, ValueError) as fault:  # a decode error is a ValueError too
        print(f"the seed cannot be used: {fault}", file=sys.stderr)
        return 2
    print(
        f"Sandbox at http://{asked.host}:{asked.port}, dashboard at /_sandbox/, not Braze.", file=sys.stderr
    )
    try:
        run(app, host=asked.host, port=asked.port)
    except OSError as fault:
        print(f"cannot listen on {asked.host}:{asked.port}: {fault}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
