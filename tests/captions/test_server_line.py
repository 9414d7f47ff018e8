"""When a server is given up."""

from __future__ import annotations

import pytest

from pairsmith.captions.server_line import FIRST_CONTACT_SECONDS, FIRST_CONTACT_WAIT, ServerLine
from pairsmith.captions.writer import WriterUnavailable

ADDRESS = "http://127.0.0.1:1/v1"


def test_one_that_was_never_met_is_given_up_within_seconds():
    line = ServerLine(ADDRESS, give_up_after=20, longest_wait=60)
    line.outside("refused", FIRST_CONTACT_SECONDS - 1, last=False)  # it may be starting
    with pytest.raises(WriterUnavailable, match=rf"{ADDRESS} cannot be reached \(refused\)"):
        line.outside("refused", FIRST_CONTACT_SECONDS + 1, last=False)
    with pytest.raises(WriterUnavailable, match="cannot be reached"):
        line.check()  # which no other request then tries again
    with pytest.raises(WriterUnavailable, match="cannot be reached"):
        ServerLine(ADDRESS, give_up_after=20, longest_wait=60).outside("refused", 0, last=True)


@pytest.mark.parametrize("sign", ["met", "answered"])
def test_one_that_was_met_is_waited_for(sign):
    line = ServerLine(ADDRESS, give_up_after=20, longest_wait=60)
    assert line.wait(100) == FIRST_CONTACT_WAIT
    getattr(line, sign)()
    line.outside("refused", 1000, last=True)
    assert line.wait(100) == 60
    assert line.wait(3) == 3


def test_failures_count_in_a_row_only():
    line = ServerLine(ADDRESS, give_up_after=2, longest_wait=60)
    line.failed("HTTP 500")
    line.answered()
    line.failed("HTTP 500")
    with pytest.raises(WriterUnavailable, match=r"2 requests in a row got no answer.*HTTP 503"):
        line.failed("HTTP 503")
    with pytest.raises(WriterUnavailable):
        line.check()
