"""Columns of lists, such as tokens, as one array."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pairsmith.errors import InputError


def stack_lists(column: pa.ChunkedArray, where: str) -> np.ndarray:
    """Lists of one length as uint16 [n, N]; a view of Arrow's memory where the column is one chunk.

    Args:
        column: lists of numbers below 65,536.
        where: what to call the column in an error.

    Raises:
        InputError: a row has no list, or one of another length.
    """
    if column.null_count:
        raise InputError(f"{where} is empty in {column.null_count} of {len(column)} rows")
    lengths = pc.unique(pc.list_value_length(column)).to_pylist() if len(column) else [0]
    if len(lengths) > 1:
        raise InputError(f"{where} holds lists of different lengths ({sorted(lengths)[0]} and {sorted(lengths)[-1]})")
    chunks = [chunk for chunk in column.chunks if len(chunk)]
    if len(chunks) == 1:
        return chunks[0].flatten().to_numpy().reshape(-1, lengths[0])
    matrix = np.empty((len(column), lengths[0]), np.uint16)  # [n, N]
    at = 0
    for chunk in chunks:
        matrix[at : at + len(chunk)] = chunk.flatten().to_numpy().reshape(len(chunk), lengths[0])
        at += len(chunk)
    return matrix
