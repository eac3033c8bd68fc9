"""Urlencoded bodies, short and long, are read as the standard library reads them (wire.md §3.10)."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workbadge.web.wire import WireError, parse_form

_PIECES = st.sampled_from(
    ["a", "é", "%41", "%c3%a9", "%ff", "%", "%4", "%zz", "+", "=", '"', "\\", "\\u0041", "\n", "\x00", "%22", "%5C"]
)
_FORM = st.lists(st.lists(_PIECES, max_size=8).map("".join), max_size=6).map("&".join)


@given(_FORM, st.booleans())
@example('k=[{"a": "\\\\u0041%22"}]', True)
@example("k=%E2%82%AC&k2", True)
def test_a_form_is_read_like_the_standard_library_reads_it(text: str, long: bool) -> None:
    """wire §3.10: names and values come out the same, whatever is escaped, half escaped or not, in short bodies and long."""
    if long:
        text += "&filler=" + "x%20" * 300
    assert parse_form(text) == parse_qsl(text, keep_blank_values=True)


def test_too_many_parameters() -> None:
    """WB-09: more than 500 parameters are refused, in whatever way they are escaped."""
    many = urlencode([(f"k {n}", "v") for n in range(501)])
    with pytest.raises(WireError):
        parse_form(many)
    assert len(parse_form(urlencode([(f"k {n}", "v") for n in range(500)]))) == 500
