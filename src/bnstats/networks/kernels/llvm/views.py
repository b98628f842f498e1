"""Views of arrays at addresses."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from bnstats._compiled import intrinsic, private

_ITEM = np.float32().itemsize


def view(place: int, shape: tuple[int, ...]) -> Any:
    """Return a function (table, number) that views the array whose address stands at `place` in a row of the table.

    `shape` contains the places of the array's sizes. The view counts no references, because this would take a third of
    the time of a step in small layers. It compiles quickly, whereas a view of all arrays at once takes seconds to
    compile wherever it is used.
    """
    kind = types.Array(types.float32, len(shape), "C")

    @intrinsic
    def seen(_: Any, table: Any, __: Any) -> Any:
        def generate(context: Any, builder: Any, ___: Any, given: Any) -> Any:
            rows = private.array(context, builder, table, given[0])

            def at(column: int) -> Any:
                indices = [given[1], given[1].type(column)]
                return builder.load(private.get_item_pointer(context, builder, table, rows, indices))

            sizes, made = [at(size) for size in shape], private.array(context, builder, kind)
            bytes_of_row = [builder.mul(size, size.type(_ITEM)) for size in sizes[1:]]
            data = builder.inttoptr(at(place), made.data.type)
            private.populate_array(made, data, sizes, [*bytes_of_row, sizes[0].type(_ITEM)], _ITEM, None)
            return made._getvalue()

        return kind(table, types.intp), generate

    return seen
