"""DPoP proofs, check by check: RFC 9449 §4.3, OA-41."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from workbadge.keys import Entropy, Sealer, foreign
from workbadge.web.rfc9449 import Asked, BadProofError, check, current_nonce, is_nonce
from workbadge.web.rfc9449.proof import plain_address, token_hash

from ._forge import Key, new_key, public, raw, seconds, signed

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
URL = "https://badge.example/oauth/token"
ASKED = Asked("POST", URL)
KEY = new_key()


def claims(**changed: Any) -> dict[str, Any]:
    """A right proof's claims, with changes; None takes one away."""
    right = {"htm": "POST", "htu": URL, "iat": seconds(NOW), "jti": "one"}
    return {name: value for name, value in {**right, **changed}.items() if value is not None}


def proof(key: Key = KEY, header: dict[str, Any] | None = None, alg: str = "ES256", **changed: Any) -> str:
    """A proof with changes of header and claims."""
    return signed(key, {"typ": "dpop+jwt", "alg": alg, "jwk": public(key), **(header or {})}, claims(**changed))


@pytest.mark.parametrize("alg", sorted(foreign.ALGORITHMS))
def test_a_right_proof_names_its_key(alg: str) -> None:
    """RFC 9449 §4.3: a right proof gives the thumbprint of its key, with each algorithm."""
    key = new_key(alg)
    found = check(proof(key, alg=alg), ASKED, NOW)
    assert found.jkt == key.thumbprint()
    assert found.expires > NOW + timedelta(seconds=60)


@pytest.mark.parametrize(
    "changed",
    [
        {"htm": "GET"},
        {"htm": "post"},
        {"htm": None},
        {"htu": "https://badge.example/oauth/par"},
        {"htu": "https://evil.example/oauth/token"},
        {"htu": "http://badge.example/oauth/token"},
        {"htu": "https://badge.example:444/oauth/token"},
        {"htu": "https://[bad"},
        {"htu": None},
        {"htu": 7},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 257},
        {"iat": None},
        {"iat": seconds(NOW) - 61},
        {"iat": seconds(NOW) + 31},
        {"iat": str(seconds(NOW))},
        {"exp": seconds(NOW)},
        {"nbf": seconds(NOW) + 31},
        {"nonce": 7},
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(changed: dict[str, Any]) -> None:
    """OA-41: wrong htm, wrong htu, no jti, an iat too old or too new: refused."""
    with pytest.raises(BadProofError):
        check(proof(**changed), ASKED, NOW)


@pytest.mark.parametrize("moved", [-10, 10])
def test_ten_seconds_to_either_side_are_taken(moved: int) -> None:
    """RFC 9449 §11.1: an iat ten seconds before or after is taken; query and fragment of htu do not count."""
    assert check(proof(iat=seconds(NOW) + moved, htu=f"{URL}?a=b#c"), ASKED, NOW)


def test_headers_that_are_not_those_of_a_proof_are_refused() -> None:
    """OA-41: wrong typ, alg none, a private or symmetric key in the header, no key, another key's signature: refused."""
    other = new_key()
    symmetric = foreign.jwk.OctKey.generate_key(256)
    bad = [
        proof(header={"typ": "JWT"}),
        proof(header={"typ": None}),
        proof(header={"jwk": KEY.as_dict(private=True)}),
        proof(header={"jwk": None}),
        proof(header={"jwk": "text"}),
        proof(header={"jwk": public(other)}),
        signed(symmetric, {"typ": "dpop+jwt", "alg": "HS256", "jwk": symmetric.as_dict(private=True)}, claims()),
        raw(json.dumps({"typ": "dpop+jwt", "alg": "none", "jwk": public(KEY)}), json.dumps(claims()), b"x"),
        raw(json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": public(KEY)}), json.dumps(claims()), b"x" * 64),
        "",
        "a.b.c",
    ]
    for text in bad:
        with pytest.raises(BadProofError):
            check(text, ASKED, NOW)


def test_beside_a_token_the_proof_names_it() -> None:
    """OA-41: beside a token the proof carries its hash; none or another one's is refused."""
    asked = Asked("POST", URL, "a token")
    assert check(proof(ath=token_hash("a token")), asked, NOW)
    for wrong in (None, token_hash("another"), "", 7):
        with pytest.raises(BadProofError):
            check(proof(ath=wrong), asked, NOW)


def test_two_proofs_of_one_key_have_two_marks() -> None:
    """RFC 9449 §11.1: what is remembered of a proof tells its key, id, method and address apart."""
    marks = {
        check(proof(), ASKED, NOW).mark,
        check(proof(jti="two"), ASKED, NOW).mark,
        check(proof(new_key()), ASKED, NOW).mark,
        check(proof(htm="GET"), Asked("GET", URL), NOW).mark,
        check(proof(iat=seconds(NOW) + 1), ASKED, NOW).mark,
    }
    assert len(marks) == 4


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("HTTPS://Badge.Example:443/a", "https://badge.example/a"),
        ("http://badge.example", "http://badge.example/"),
        ("http://[::1]:8000/a?b", "http://[::1]:8000/a"),
    ],
)
def test_addresses_that_are_the_same(one: str, other: str) -> None:
    """RFC 9449 §4.3: scheme and host in any case, a default port, an empty path are the same address."""
    assert plain_address(one) == plain_address(other)


def test_nonces_of_the_server_last_for_two_windows() -> None:
    """RFC 9449 §8: a nonce is good in its five minutes and the next five, then no more, and never invented."""
    sealer = Sealer({"k": bytes(32)}, Entropy())
    nonce = current_nonce(sealer, NOW)
    assert is_nonce(sealer, nonce, NOW)
    assert is_nonce(sealer, nonce, NOW + timedelta(minutes=9, seconds=59))
    assert not is_nonce(sealer, nonce, NOW + timedelta(minutes=10))
    assert not is_nonce(sealer, "0" * 32, NOW)
    assert not is_nonce(sealer, "é", NOW)
