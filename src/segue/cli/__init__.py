"""`segue`: the command line, one file per chapter."""

from segue.cli.app import main

__all__ = ["main"]
