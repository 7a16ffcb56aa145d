"""The entry point of `segue`: chooses what has to be loaded for what was typed.

The sandbox is worth starting in a moment and needs nothing of ours, so it is not made to wait for the rest.
"""

import sys


def main() -> None:
    """Run the command line; ends the process with its exit code."""
    if sys.argv[1:2] == ["sandbox"]:
        from segue.sandbox.command import main as sandbox

        sys.exit(sandbox(sys.argv[2:]))
    from segue.cli.app import main as everything

    everything()
