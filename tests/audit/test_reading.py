"""Batches of a loader are read once, and stay what they were when they were read."""

from __future__ import annotations

import copy
from itertools import cycle
from typing import Any

import numpy as np
import pytest

from bnstats.audit.core.reading import LoaderReader


def in_one_array() -> Any:
    """Views of one array, written anew for each batch."""
    held = np.zeros(8)
    for k in range(6):
        held[:] = k
        yield held[:4]


def in_turns() -> Any:
    """Two arrays that take turns."""
    held = np.zeros(4), np.zeros(4)
    for k in range(6):
        held[k % 2][:] = k
        yield held[k % 2]


@pytest.mark.parametrize("loader", [in_one_array, in_turns])
def test_a_loader_may_write_into_the_same_memory_again(loader: Any) -> None:
    batches = LoaderReader("loader", loader(), 10).all(copy.deepcopy)
    assert [float(batch[0]) for batch in batches] == [0, 1, 2, 3, 4, 5]


def test_a_list_is_read_without_copies() -> None:
    given = [np.zeros(2), np.ones(2)]
    assert [a is b for a, b in zip(LoaderReader("loader", given, 10).all(copy.deepcopy), given, strict=True)] == [
        True,
        True,
    ]


def test_a_loader_that_never_ends_is_read_up_to_the_limit() -> None:
    assert len(LoaderReader("loader", cycle([np.zeros(2)]), 7).all(copy.copy)) == 7


class FromTheStart:
    """A loader of three batches that goes on from the start, as some of Keras do."""

    def __len__(self) -> int:
        return 3

    def __iter__(self) -> Any:
        return cycle([np.zeros(2), np.ones(2), np.ones(2)])


def test_a_length_ends_the_reading() -> None:
    assert len(LoaderReader("loader", FromTheStart(), 100).all(copy.copy)) == 3


def failing() -> Any:
    yield np.zeros(2)
    yield np.zeros(2)
    raise KeyError("row 3")


@pytest.mark.parametrize(
    ("loader", "said"),
    [
        (3, "loader is an iterable of batches; got 3"),
        ("rows.csv", "loader is an iterable of batches; got 'rows.csv'"),
        ([], "loader holds no batch"),
        (failing(), "loader raises KeyError: 'row 3' after 2 batches"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(loader: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        LoaderReader("loader", loader, 10).all(copy.copy)
