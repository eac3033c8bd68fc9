"""Restricted tokens: bound to a key or meant for another resource (RFC 9449, RFC 8707)."""

from workbadge.keys import Entropy, make_restricted, make_token, read_restricted, read_token


def test_a_restricted_token_is_no_plain_one() -> None:
    """RFC 9449 §7.1: what reads plain tokens refuses a restricted one by its form, and the other way round."""
    entropy = Entropy()
    plain, restricted = make_token(entropy), make_restricted(entropy)
    assert read_token(plain) and read_restricted(restricted)
    assert read_token(restricted) is None
    assert read_restricted(plain) is None
    assert read_token("EAA" + restricted[3:]) is None
    assert read_restricted("EAR" + plain[3:]) is None
