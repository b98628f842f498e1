"""Entry point of `python -m bnstats`, which runs the command line."""

import sys

from bnstats.cli import main

if __name__ == "__main__":
    sys.exit(main())
