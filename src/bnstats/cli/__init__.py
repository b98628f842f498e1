"""The command line: the package's functions, each with its options, a progress bar and a table."""

from bnstats.cli.commands import main as main
