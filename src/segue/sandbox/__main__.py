"""`python -m segue.sandbox`: the same as `segue sandbox`."""

import sys

from segue.sandbox.command import main

if __name__ == "__main__":
    sys.exit(main())
