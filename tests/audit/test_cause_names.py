"""One thing has one name in the audit, the monitor and the planner."""

from __future__ import annotations

import inspect

from bnstats.audit.core.causes import ASKED, CAUSES
from bnstats.monitor.core import engine, jumps
from bnstats.monitor.core.events import ALWAYS, RULES
from bnstats.monitor.texts import ACTIONS
from bnstats.planner.notes import NOTES

OF_THE_PLANNER = {"batches_seen"}
"""Notes that no cause is about: nothing was trained yet."""
OF_BOTH = {"not_finite", "start_remains", "updated_twice"}
"""Events of a monitor that are causes of an audit."""


def test_notes_of_a_plan_have_names_of_causes() -> None:
    assert {note.__name__ for note in NOTES} - OF_THE_PLANNER < set(CAUSES)


def test_events_have_names_of_causes_where_they_are_the_same() -> None:
    codes = {rule.code for rule in RULES}
    assert codes & set(CAUSES) == OF_BOTH
    assert set(ALWAYS) < codes


def test_every_event_has_an_action() -> None:
    quoted = {code for code in ACTIONS if f'"{code}"' in inspect.getsource(engine) + inspect.getsource(jumps)}
    assert {rule.code for rule in RULES} | quoted == set(ACTIONS)


def test_a_cause_is_asked_once_and_says_what_the_judge_needs() -> None:
    assert len(CAUSES) == len(ASKED)
    for cause in ASKED:
        assert bool(cause.before) != bool(cause.steps), f"{cause.name} is asked before a gap, or explains steps of it"
        assert cause.fix or cause.remedy, f"{cause.name} has a fix"
        assert cause.remedy or not (cause.tried or cause.sign), f"{cause.name} has a remedy to try"
        assert cause.title[0].islower() or not cause.title[0].isalpha()
        assert not cause.title.endswith(".")
        assert "_" not in cause.title
    assert len({cause.title for cause in ASKED}) == len(ASKED)
