"""Client assertions, check by check: RFC 7523 §3, OA-32."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from workbadge.keys import foreign
from workbadge.oauth.rfc7523 import BadAssertionError, Expected, check, client_of

from ._forge import Key, jwks, new_key, raw, seconds, signed

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
ISSUER = "https://badge.example"
CLIENT = "130000000000000001"
KEY, OTHER = new_key(), new_key()


def claims(**changed: Any) -> dict[str, Any]:
    """A right assertion's claims, with changes; None takes one away."""
    right = {"iss": CLIENT, "sub": CLIENT, "aud": ISSUER, "exp": seconds(NOW) + 60, "jti": "one"}
    return {name: value for name, value in {**right, **changed}.items() if value is not None}


def judge(text: str, key: Key = KEY, algorithms: frozenset[str] = foreign.ALGORITHMS) -> Any:
    """Check a text against the client's registered key."""
    subject, taken = client_of(text)
    assert subject == CLIENT
    return check(taken, Expected(CLIENT, ISSUER, algorithms), foreign.read_keys(jwks(key)), NOW)


@pytest.mark.parametrize("alg", sorted(foreign.ALGORITHMS))
def test_an_assertion_by_the_clients_key_is_taken(alg: str) -> None:
    """RFC 7523 §3: issuer and subject the client, audience our issuer, an end and an id: taken with each algorithm."""
    key = new_key(alg)
    found = judge(signed(key, {"alg": alg}, claims()), key)
    assert found.expires == datetime(2026, 1, 31, 12, 1, tzinfo=UTC)
    assert len(found.mark) == 32


@pytest.mark.parametrize(
    "changed",
    [
        {"exp": None},
        {"exp": seconds(NOW) - 300},
        {"exp": seconds(NOW)},
        {"exp": seconds(NOW) + 7200},
        {"exp": "soon"},
        {"exp": True},
        {"nbf": seconds(NOW) + 61},
        {"iat": seconds(NOW) + 61},
        {"jti": None},
        {"jti": ""},
        {"jti": 7},
        {"jti": "x" * 257},
        {"iss": "130000000000000002"},
        {"iss": None},
        {"aud": "https://other.example"},
        {"aud": f"{ISSUER}/oauth/token"},
        {"aud": f"{ISSUER}/"},
        {"aud": [ISSUER, "https://other.example"]},
        {"aud": []},
        {"aud": None},
    ],
    ids=str,
)
def test_a_wrong_claim_is_refused(changed: dict[str, Any]) -> None:
    """OA-32: each claim of an assertion that is missing, old, early, or for somebody else is refused."""
    with pytest.raises(BadAssertionError):
        judge(signed(KEY, {"alg": "ES256"}, claims(**changed)))


@pytest.mark.parametrize("changed", [{"sub": None}, {"sub": 7}], ids=str)
def test_no_subject_is_refused(changed: dict[str, Any]) -> None:
    """OA-32: without a sub an assertion is nobody's."""
    with pytest.raises(BadAssertionError):
        client_of(signed(KEY, {"alg": "ES256"}, claims(**changed)))


def test_a_clock_that_is_a_little_ahead_is_taken() -> None:
    """OA-32: an nbf eight seconds ahead is taken, and the issuer as the only member of a list too."""
    ahead = claims(nbf=seconds(NOW) + 8, iat=seconds(NOW) + 8, aud=[ISSUER])
    assert judge(signed(KEY, {"alg": "ES256", "typ": "JWT"}, ahead))


def test_only_the_clients_key_and_algorithm_count() -> None:
    """OA-32: alg none, HS256 with the public key, a banned RS256, another client's key: refused."""
    symmetric = foreign.jwk.OctKey.import_key(jwks(KEY))
    rsa = new_key("RS256")
    bad = [
        raw('{"alg":"none"}', json.dumps(claims()), b""),
        raw('{"alg":"none"}', json.dumps(claims()), b"x"),
        raw('{"alg":"nOnE"}', json.dumps(claims()), b"x"),
        signed(symmetric, {"alg": "HS256"}, claims()),
        signed(OTHER, {"alg": "ES256"}, claims()),
        signed(OTHER, {"alg": "ES256", "jwk": OTHER.as_dict(private=False)}, claims()),
    ]
    for text in bad:
        with pytest.raises(BadAssertionError):
            judge(text)
    with pytest.raises(BadAssertionError):
        judge(signed(rsa, {"alg": "RS256"}, claims()), rsa)
    assert judge(signed(rsa, {"alg": "RS256"}, claims()), rsa, frozenset({"RS256"}))
    with pytest.raises(BadAssertionError):
        judge(signed(rsa, {"alg": "PS256"}, claims()), rsa, frozenset({"RS256"}))


@pytest.mark.parametrize(
    "header",
    [
        "null",
        "[]",
        "{}",
        '{"alg":null}',
        '{"alg":7}',
        '{"alg":"ES256","alg":"none"}',
        '{"alg":"ES256","kid":"a","kid":"b"}',
        '{"alg":"ES256","kid":7}',
        '{"alg":"ES256","crit":["exp"]}',
        '{"alg":"ES256","b64":false}',
        '{"alg":"ES256","jku":"https://evil.example/keys"}',
        '{"alg":"ES256","x5u":"https://evil.example/keys"}',
        '{"alg":"ES256","x5c":[]}',
        '{"alg":"ES256","zip":"DEF"}',
        "{",
        "é",
    ],
)
def test_a_header_that_could_choose_is_refused(header: str) -> None:
    """OA-32: a null header, doubled members, and members that name keys or extensions are refused."""
    with pytest.raises(BadAssertionError):
        client_of(raw(header, json.dumps(claims()), b"x" * 64))


def test_a_type_of_another_use_is_refused() -> None:
    """OA-43: a JWT that says it is a proof, a logout token or an access token is no assertion."""
    for typ in ("dpop+jwt", "logout+jwt", "at+jwt"):
        with pytest.raises(BadAssertionError):
            judge(signed(KEY, {"alg": "ES256", "typ": typ}, claims()))


def test_claims_that_stand_twice_are_refused() -> None:
    """OA-32: of a doubled claim nobody can say which one was meant."""
    text = json.dumps(claims())[:-1] + f', "sub": "{CLIENT}"}}'
    with pytest.raises(BadAssertionError):
        client_of(signed(KEY, {"alg": "ES256"}, text))


@pytest.mark.parametrize("text", ["", ".", "..", "a.b", "a.b.c.d", "a.b.c.d.e", "é.é.é", "e30.e30.", "e" * 20_000])
def test_what_is_no_jwt_is_refused(text: str) -> None:
    """OA-44: texts that are no signed JWT, encrypted ones and ones beyond 16 kB are refused before anything is read."""
    with pytest.raises(BadAssertionError):
        client_of(text)


def test_key_sets_hold_public_keys_only() -> None:
    """OA-59: a registered key set with a private or symmetric key, small RSA, too many keys or none is refused."""
    small = {
        "kty": "RSA",
        "e": "AQAB",
        "n": "sXchDaQebHnPiGvyDOAT4saGEUetSyo9MKLOoWFsueri23bOdgWp4Dy1WlUzewbgBHod5pcM9H8",
    }
    good = foreign.jwk.ECKey.generate_key("P-256").as_dict(private=False)
    for keys in (
        [KEY.as_dict(private=True)],
        [{"kty": "oct", "k": "AAAA"}],
        [good, {"kty": "oct", "k": "AAAA"}],
        [small],
        [{**good, "use": "enc"}],
        [],
        [good] * 21,
        [7],
    ):
        with pytest.raises(foreign.ForeignError):
            foreign.read_keys(json.dumps({"keys": keys}))
    for text in ("", "[]", '{"keys": 7}', "null"):
        with pytest.raises(foreign.ForeignError):
            foreign.read_keys(text)
    assert len(foreign.read_keys(json.dumps({"keys": [good, {"kty": "future"}]}))) == 1
