"""Batches come in order and once, errors reach the caller, and the thread ends."""

from __future__ import annotations

import threading
import time

import pytest

from pairsmith.training.prefetch import Prefetcher


def test_batches_come_in_order_and_no_more_than_depth_ahead():
    made: list[int] = []
    with Prefetcher(lambda step: made.append(step) or step, 3, 50, depth=2) as batches:
        assert [batches.next_batch() for _ in range(5)] == [3, 4, 5, 6, 7]
        time.sleep(0.1)
        assert max(made) <= 7 + 3  # two in the queue, one in hand


def test_an_error_is_raised_where_the_batch_is_taken():
    def make(step: int) -> int:
        if step == 1:
            raise ValueError("row 7 is broken")
        return step

    with Prefetcher(make, 0, 5) as batches:
        assert batches.next_batch() == 0
        with pytest.raises(ValueError, match="row 7"):
            batches.next_batch()


def test_leaving_early_ends_the_thread():
    with Prefetcher(lambda step: step, 0, 10**9) as batches:
        batches.next_batch()
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]


def test_waiting_is_measured():
    with Prefetcher(lambda step: time.sleep(0.05), 0, 2) as batches:
        batches.next_batch()
        assert batches.waited >= 0.04
