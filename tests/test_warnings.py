"""Threads leave the filters of warnings as they were: these belong to the process, not to a thread."""

import warnings
from threading import Event, Thread

import numpy as np

from bnstats._checks.arrays import real_array
from bnstats._warnings import warnings_are

# Seconds that a thread waits for the other, which a lock keeps out, and where nothing does.
KEPT_OUT, LET_IN = 0.2, 60.0


class Overlap:
    """Two threads, of which the second begins while the first is under way, and ends after it."""

    def __init__(self, wait):
        self.wait = wait
        self.first_in, self.second_in, self.first_out = Event(), Event(), Event()

    def first(self):
        self.first_in.set()
        self.second_in.wait(self.wait)

    def second(self):
        self.second_in.set()
        self.first_out.wait(self.wait)

    def changes_filters(self, work):
        with warnings.catch_warnings():
            warnings.simplefilter("default")  # pytest's own filters are errors, as those that were left behind
            before = list(warnings.filters)
            self.run(work)
            return warnings.filters != before

    def run(self, work):
        def one():
            work(self.first)
            self.first_out.set()

        def other():
            self.first_in.wait()
            work(self.second)

        threads = [Thread(target=one), Thread(target=other)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def test_filters_are_restored_by_threads_that_change_them_at_a_time():
    """Without the lock, the second thread restores what the first has set."""

    def quietly(meet):
        with warnings_are("ignore"):
            meet()
            warnings.warn("not seen", stacklevel=1)

    assert not Overlap(KEPT_OUT).changes_filters(quietly)


def test_a_check_of_an_array_changes_no_filters():
    """Workers check what a study returns: a filter that they left behind made later warnings of the user errors."""

    class Slow:
        def __init__(self, meet):
            self.meet = meet

        def __array__(self, dtype=None, copy=None):
            self.meet()
            return np.ones(3)

    assert not Overlap(LET_IN).changes_filters(lambda meet: real_array("x", Slow(meet)))
