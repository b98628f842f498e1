"""Plugin of pytest, off unless asked for: one false-alarm rate for a suite, and seeds that are printed.

`--bnstats`, `--bnstats-seed`, `--bnstats-false-alarm` or the setting `bnstats_false_alarm` ask for it. Nothing heavy is
imported here: neither NumPy nor the rest of the package, until a test asks for `rng`.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from bnstats.testing.suite import CURRENT, TestRecord

RATE = 1e-3
"""False-alarm rate of a suite that states none."""
MARK = "random"
TITLE = "bnstats"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and the setting."""
    group = parser.getgroup("bnstats", "tests of random functions")
    group.addoption("--bnstats", action="store_true", help="one false-alarm rate for all tests marked random")
    group.addoption("--bnstats-seed", type=int, metavar="SEED", help="seed of the fixture rng (default: a new one)")
    group.addoption("--bnstats-false-alarm", type=float, metavar="RATE", help="probability that a true suite fails")
    parser.addini("bnstats_false_alarm", "probability that a suite whose claims are all true fails", default=None)


def pytest_configure(config: pytest.Config) -> None:
    """Register the rest of the plugin if it was asked for."""
    rate = config.getoption("--bnstats-false-alarm")
    stated = config.getini("bnstats_false_alarm")
    seed = config.getoption("--bnstats-seed")
    if not (config.getoption("--bnstats") or rate is not None or stated or seed is not None):
        return
    try:
        rate = float(stated or RATE) if rate is None else rate
    except ValueError:
        raise pytest.UsageError(f"bnstats_false_alarm is a probability below 0.5; got {stated!r}.") from None
    if not 0 < rate < 0.5:
        raise pytest.UsageError(f"the false-alarm rate of a suite is above 0 and below 0.5; got {rate:g}.")
    if seed is not None and seed < 0:
        raise pytest.UsageError(f"--bnstats-seed is a whole number of at least 0; got {seed}.")
    given = getattr(config, "workerinput", {}).get("bnstats_seed", seed)  # xdist's workers get the seed of the run
    text = f"{MARK}(false_alarm=None): a test of random values, with a part of the suite's false-alarm rate"
    config.addinivalue_line("markers", text)
    # The entry point has the name bnstats.
    config.pluginmanager.register(RandomSuite(rate, secrets.randbits(32) if given is None else given), "bnstats_suite")


class RandomSuite:
    """Tests of a run that are marked `random`.

    Parameters
    ----------
    rate : float
        Probability that one of them fails although all claims are true.
    seed : int
        Seed of the fixture `rng`.
    """

    def __init__(self, rate: float, seed: int) -> None:
        self.rate, self.seed = rate, seed
        self.rates: dict[str, float] = {}
        self.found: list[tuple[str, str]] = []
        self.problem = ""

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Send the seed to a worker of xdist."""
        node.workerinput["bnstats_seed"] = self.seed

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Split the rate over the tests that will run; those that state no rate of their own get equal parts."""
        items = getattr(session, "items", [])
        marks = {item.nodeid: mark for item in items if (mark := item.get_closest_marker(MARK))}
        wrong = [mark for mark in marks.values() if mark.args or set(mark.kwargs) - {"false_alarm"}]
        if wrong:
            self.problem = f"the mark {MARK} takes false_alarm= only; got {wrong[0].args} {wrong[0].kwargs}."
            return
        stated = {name: mark.kwargs["false_alarm"] for name, mark in marks.items() if mark.kwargs}
        rest, left = [name for name in marks if name not in stated], self.rate - sum(stated.values())
        if any(not 0 < rate < 0.5 for rate in stated.values()) or left < 0 or (rest and left == 0):
            self.problem = (
                f"the tests marked {MARK} state false-alarm rates of {sum(stated.values()):g} in all, and the suite "
                f"has {self.rate:g}: state smaller rates, or raise --bnstats-false-alarm."
            )
        self.rates = stated | dict.fromkeys(rest, left / len(rest) if rest else 0.0)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Fail marked tests whose rates do not fit together; an error of the run itself would be lost in workers."""
        if self.problem and item.get_closest_marker(MARK):
            pytest.fail(self.problem, pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        """Give a test its part of the rate, and keep what its assertions found."""
        if item.nodeid not in self.rates:
            return (yield)
        record = TestRecord(self.rates[item.nodeid])
        token = CURRENT.set(record)
        try:
            return (yield)
        finally:
            CURRENT.reset(token)
            item.user_properties += [(TITLE, line) for line in record.lines]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: Any) -> Iterator[None]:
        """Print the seed of a test that failed."""
        report: Any = yield
        if report.failed and "rng" in getattr(item, "fixturenames", ()):
            report.sections.append((TITLE, f"Reproduce the draws of rng with --bnstats-seed={self.seed}."))
        return report  # type: ignore[no-any-return]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Collect what assertions found, in workers of xdist too."""
        if report.when == "call":
            self.found += [(report.nodeid, str(line)) for name, line in report.user_properties if name == TITLE]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Report what each assertion could have detected."""
        terminalreporter.section(f"{TITLE}: seed {self.seed}, false-alarm rate {self.rate:g} in all")
        for nodeid, line in sorted(self.found):
            terminalreporter.write_line(f"{nodeid}: {line}")

    @pytest.fixture
    def rng(self, request: pytest.FixtureRequest) -> Any:
        """Return the generator of this test, made from the seed of the run and the test's name."""
        from numpy.random import SeedSequence, default_rng

        return default_rng(SeedSequence([self.seed, zlib.crc32(request.node.nodeid.encode())]))
