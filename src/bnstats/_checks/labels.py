"""Alignment of arguments that have a value for each row: rows by their labels, columns by their names.

A Series or a DataFrame of pandas has labels, its index. Arguments without labels are aligned by position.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from bnstats._checks.arrays import labels_of_rows
from bnstats._checks.tables import columns_of, is_labeled, variable
from bnstats._checks.values import shown


def aligned(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with rows in the order of the first argument that has labels.

    Raises
    ------
    ValueError
        If labels do not match, or if labels are not unique and differ in their order.

    Examples
    --------
    >>> import pandas as pd
    >>> x, batch = pd.Series([1.0, 2.0], index=["i", "j"]), pd.Series(["b", "a"], index=["j", "i"])
    >>> aligned({"x": x, "batch": batch})["batch"].tolist()
    ['a', 'b']
    >>> aligned({"x": x, "batch": batch.rename({"j": "k"})})
    Traceback (most recent call last):
        ...
    ValueError: x and batch have labels that do not match: 1 of 2 rows of x have no label of batch, and 1 of 2 rows of
    batch none of x; keep x.index.intersection(batch.index) of both, or give batch.to_numpy() to go by position.
    """
    given = {
        name: framed(name, value) if isinstance(value, Mapping) and has_labels(value) else value
        for name, value in given.items()
    }
    labeled = {name: value for name, value in given.items() if is_labeled(value)}
    if len(labeled) < 2:
        return given
    (first, reference), *others = labeled.items()
    ordered = {name: _in_order(first, reference.index, name, value) for name, value in others}
    return {**given, **ordered}


def framed(name: str, given: Mapping[Any, Any]) -> Any:
    """Return a mapping of columns as a table of pandas, with rows by the labels of those columns that have some.

    Raises
    ------
    ValueError
        If columns have different lengths, or labels that do not match.

    Examples
    --------
    >>> import pandas as pd
    >>> age = pd.Series([40, 50], index=["i", "j"])
    >>> framed("keep", {"age": age, "sex": pd.Series(["f", "m"], index=["j", "i"])})["sex"].tolist()
    ['m', 'f']
    """
    import pandas as pd

    names = {column: f"column {shown(column)} of {name}" for column in given}
    parts = {c: part if is_labeled(part) else labels_of_rows(names[c], part) for c, part in given.items()}
    if len({part.shape for part in parts.values()}) > 1 or any(part.ndim != 1 for part in parts.values()):
        raise ValueError(f"each column of {name} has one value per row; got columns of different lengths.")
    in_order = aligned({names[column]: part for column, part in parts.items()})
    return pd.DataFrame({column: in_order[names[column]] for column in parts})


def has_labels(given: Any) -> bool:
    """Return True for an object of pandas, and for a mapping that holds one.

    >>> import pandas as pd
    >>> has_labels(pd.Series([1])), has_labels({"a": pd.Series([1])}), has_labels({"a": [1]})
    (True, True, False)
    """
    return is_labeled(given) or (isinstance(given, Mapping) and any(map(is_labeled, given.values())))


def _in_order(first: str, reference: Any, name: str, value: Any) -> Any:
    """Return the rows of `value` in the order of the labels of the argument `first`."""
    found = value.index
    if found is reference or found.equals(reference):
        return value
    by_position = f"{variable(name)}.to_numpy() to go by position"
    for which, index in ((first, reference), (name, found)):
        if not index.is_unique:
            raise ValueError(
                f"{first} and {name} have labels in different orders, and those of {which} occur more than once, "
                f"{shown(index[index.duplicated()][0])} for one; give both one index of unique labels, or give "
                f"{by_position}."
            )
    rows, back = found.get_indexer(reference), reference.get_indexer(found)
    missing, spare = np.count_nonzero(rows < 0), np.count_nonzero(back < 0)
    if missing or spare:
        raise ValueError(
            f"{first} and {name} have labels that do not match: {missing} of {len(reference)} rows of {first} have no "
            f"label of {name}, and {spare} of {len(found)} rows of {name} none of {first}; keep "
            f"{variable(first)}.index.intersection({variable(name)}.index) of both, or give {by_position}."
        )
    return value.iloc[rows]


def column_order(name: str, given: Any, columns: list[Any] | None, those: str) -> list[int] | None:
    """Return the places of the fitted columns in a table; None if they are in order, or have no names.

    >>> import pandas as pd
    >>> column_order("x", pd.DataFrame({"b": [1], "a": [2]}), ["a", "b"], "the fitted ones")
    [1, 0]
    >>> column_order("x", pd.DataFrame({"a": [1]}), ["b"], "the fitted ones")
    Traceback (most recent call last):
        ...
    ValueError: x has other columns than the fitted ones: 'b' is missing, 'a' is new; give x[['b']].
    """
    found = columns_of(given)
    if columns is None or found is None or found == columns:
        return None
    missing, new = ([c for c in one if c not in other] for one, other in ((columns, found), (found, columns)))
    if missing or new:
        said = ", ".join([*(f"{shown(c)} is missing" for c in missing[:3]), *(f"{shown(c)} is new" for c in new[:3])])
        raise ValueError(f"{name} has other columns than {those}: {said}; give {variable(name)}[{shown(columns)}].")
    if len(set(found)) < len(found):
        raise ValueError(
            f"{name} has columns of the same name in another order than {those}: {shown(found)}; "
            "give each column a name of its own."
        )
    return [found.index(column) for column in columns]
