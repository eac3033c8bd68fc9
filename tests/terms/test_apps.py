"""What is stopped for an app, as it is stored and read back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workbadge.terms.apps import Limits, read_limits
from workbadge.terms.scopes import SCOPES

_scopes = st.frozensets(st.sampled_from(sorted(SCOPES)))


@given(st.builds(Limits, st.booleans(), st.booleans(), st.booleans(), _scopes, _scopes))
def test_what_is_stored_reads_back(limits: Limits) -> None:
    """M17: the stored text of an app's limits says exactly what is stopped; it is empty when nothing is."""
    assert read_limits(str(limits)) == limits
    assert (str(limits) == "") is (limits == Limits())


@pytest.mark.parametrize(
    ("limits", "restricts"),
    [
        (Limits(), False),
        (Limits(standard=frozenset({"ads_read"})), False),
        (Limits(api=True), True),
        (Limits(login=True), True),
        (Limits(write=True), True),
        (Limits(scopes=frozenset({"ads_read"})), True),
    ],
)
def test_a_level_is_no_restriction(limits: Limits, restricts: bool) -> None:
    """wire §6.8: standard access narrows who may grant; only an enforcement restricts the app itself."""
    assert limits.restricts is restricts


def test_an_app_without_limits_has_none() -> None:
    """An empty text, and none at all, stop nothing."""
    assert read_limits(None) == read_limits("") == Limits()
