"""Run the command line as `python -m bnstats`."""

import sys

from bnstats.cli import main

if __name__ == "__main__":
    sys.exit(main())
