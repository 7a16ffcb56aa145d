"""`segue`: the command line, one file per chapter."""

from segue.cli.entry import main

__all__ = ["main"]
