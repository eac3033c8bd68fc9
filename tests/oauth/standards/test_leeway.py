"""How far the clocks of clients may be off, and that no end is forgiven anything."""

from datetime import timedelta
from typing import Any

import pytest

from workbadge.keys import foreign
from workbadge.oauth.rfc7523 import BadAssertionError, Expected, client_of
from workbadge.oauth.rfc7523 import check as check_assertion
from workbadge.oauth.rfc7523.assertion import SKEW
from workbadge.web.rfc9449 import BadProofError
from workbadge.web.rfc9449 import check as check_proof
from workbadge.web.rfc9449.proof import AHEAD, PAST

from . import test_assertion, test_proof
from ._forge import jwks, seconds, signed

NOW = test_assertion.NOW
SECOND, FIVE = timedelta(seconds=1), timedelta(minutes=5)


def takes_assertion(off: timedelta, **claims: Any) -> bool:
    """Whether a node whose clock is off by so much takes an assertion with these claims."""
    text = signed(test_assertion.KEY, {"alg": "ES256"}, test_assertion.claims(**claims))
    _, taken = client_of(text)
    expected = Expected(test_assertion.CLIENT, test_assertion.ISSUER, foreign.ALGORITHMS)
    try:
        check_assertion(taken, expected, foreign.read_keys(jwks(test_assertion.KEY)), NOW + off)
    except BadAssertionError:
        return False
    return True


def takes_proof(off: timedelta, **claims: Any) -> bool:
    """Whether a node whose clock is off by so much takes a proof of possession with these claims."""
    try:
        check_proof(test_proof.proof(**claims), test_proof.ASKED, NOW + off)
    except BadProofError:
        return False
    return True


def test_the_leeway_is_what_is_written_down() -> None:
    """MT-33: nbf and iat may lie ahead by the leeway of decision record 23 and not a second more; exp has none, and a proof is old
    after its minute."""
    assert (timedelta(seconds=60), timedelta(seconds=30), timedelta(seconds=60)) == (SKEW, AHEAD, PAST)
    now, still = seconds(NOW), timedelta(0)
    for name in ("nbf", "iat"):
        assert takes_assertion(still, **{name: now + 60}) and not takes_assertion(still, **{name: now + 61})
    assert takes_assertion(still, exp=now + 1) and not takes_assertion(still, exp=now)
    assert takes_proof(still, iat=now + 30) and not takes_proof(still, iat=now + 31)
    assert takes_proof(still, iat=now - 60) and not takes_proof(still, iat=now - 61)
    assert takes_proof(still, exp=now + 1) and not takes_proof(still, exp=now)


@pytest.mark.parametrize("off", [-FIVE, timedelta(0), FIVE], ids=["behind", "right", "ahead"])
def test_no_leeway_hides_a_node_that_is_off(off: timedelta) -> None:
    """MT-33: what a client signs this moment is taken by the node whose clock is right, and by none that is five minutes off."""
    now = seconds(NOW)
    assert takes_assertion(off, iat=now, nbf=now, exp=now + 60) == (off == timedelta(0))
    assert takes_proof(off, iat=now) == (off == timedelta(0))
