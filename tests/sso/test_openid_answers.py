"""What no provider should answer with, and what is no ID token: nobody is signed in by any of it."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from joserfc import jwk

from workbadge.main import make_application
from workbadge.web.openid_provider import ProviderError, discover
from workbadge.web.outgoing import Outgoing

from ._organization import Company
from ._provider import SECRET, Answer, Provider, make_key

pytestmark = [pytest.mark.anyio, pytest.mark.filterwarnings("ignore:Key size")]
EMIL = "emil@work.example"


async def _refused(company: Company, what: str) -> None:
    browser = company.site.browser()
    page = await company.sign_in(browser)
    assert page.status_code == 400 and "nobody was signed in" in page.text, what
    assert await company.signed_in(browser) == [], what


async def _accepted(company: Company) -> None:
    browser = company.site.browser()
    await company.sign_in(browser)
    assert await company.signed_in(browser) == [EMIL]


async def test_who_an_id_token_is_from_and_for(company: Company) -> None:
    """RP-02, RP-03, RP-05, RP-06: iss, aud, azp, sub and nonce in every wrong form are refused; the right forms are taken."""
    base, client = company.provider.base, "workbadge at the provider"
    wrong: list[dict[str, Any]] = [
        *({"iss": one} for one in (base + "/", base.upper(), None, [base], "https://other.example")),
        *({"aud": one} for one in (None, "another client", [], ["another client"], [client, "another client"])),
        {"azp": "another client"},
        {"aud": [client, "x"], "azp": "x"},
        *({"sub": one} for one in (None, "", "s" * 300, 7, ["subject-1"])),
        *({"nonce": one} for one in (None, "", "another", 5)),
    ]
    for claims in wrong:
        company.provider.claims = claims
        await _refused(company, str(claims))
    for claims in ({"aud": [client]}, {"aud": [client, "x"], "azp": client}, {"azp": client}):
        company.provider.claims = claims
        await _accepted(company)


async def test_when_an_id_token_was_made(company: Company) -> None:
    """RP-04: exp and iat that are missing, past, now, far ahead or no numbers are refused; a missing one never skips its check."""
    now = int(company.site.now.timestamp())
    for claims in (
        *({"exp": one} for one in (None, now - 1, now, str(now + 300), True)),
        *({"iat": one} for one in (None, now - 3_600, now + 600, "now")),
        {"exp": None, "iat": None},
        {"nbf": now + 600},
    ):
        company.provider.claims = claims
        await _refused(company, str(claims))


async def test_signatures_and_their_keys(company: Company) -> None:
    """RP-07, RP-08: no signature, one by our secret, by the public key as a secret, by a key that is not published, is for
    encryption, or shares its name with another, is refused."""
    script, key = company.provider, company.provider.signs

    def none(text: str) -> str:
        payload = text.split(".")[1]
        return base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode() + f".{payload}."

    def bent(text: str) -> str:
        return text[:-6] + ("AAAAAA" if text[-6:] != "AAAAAA" else "BBBBBB")

    public = json.dumps(key.as_dict(private=False))
    encrypting = {**key.as_dict(private=False), "use": "enc"}
    other_alg = {**key.as_dict(private=False), "alg": "ES384"}
    tries: dict[str, Callable[[], None]] = {
        "none": lambda: setattr(script, "forge", none),
        "bent": lambda: setattr(script, "forge", bent),
        "our secret": lambda: setattr(script, "signs", jwk.OctKey.import_key(SECRET, {"kid": "one"})),
        "their key": lambda: setattr(script, "signs", jwk.OctKey.import_key(public, {"kid": "one"})),
        "unknown": lambda: setattr(script, "signs", make_key("one")),
        "unknown kid": lambda: setattr(script, "signs", make_key("unknown")),
        "no kid, many keys": lambda: (
            setattr(script, "header", {"kid": None}),
            setattr(script, "published", [key, make_key("two")]),
        ),
        "encryption": lambda: setattr(script, "published", [encrypting, make_key("two")]),
        "other alg": lambda: setattr(script, "published", [other_alg, make_key("two")]),
        "twins": lambda: setattr(script, "published", [key, make_key("one")]),
    }
    for what, change in tries.items():
        script.signs, script.published, script.header, script.forge = key, [key], {}, lambda text: text
        company.site.advance(minutes=11)
        change()
        await _refused(company, what)
    script.signs, script.published, script.forge = key, [key], lambda text: text
    script.header = {"kid": None}
    company.site.advance(minutes=11)
    await _accepted(company)


async def test_names_of_keys_lead_nowhere(company: Company) -> None:
    """RP-09: a kid that is a path, a statement, an address or huge is a name and nothing more; addresses and keys in the header are
    never looked at."""
    for kid in ("../../dev/null", "' OR 1=1 --", company.provider.base + "/me", "k" * 100_000):
        company.provider.header = {"kid": kid}
        await _refused(company, kid[:40])
    mine = make_key("one").as_dict(private=False)
    address = company.provider.base + "/mine"
    for header in ({"jku": address}, {"x5u": address}, {"jwk": mine}, {"x5c": ["AAAA"]}):
        company.provider.header = header
        browser = company.site.browser()
        await company.sign_in(browser)
        assert "/mine" not in company.provider.asked


async def test_an_unknown_key_costs_one_fetch(company: Company) -> None:
    """RP-08: an unknown kid makes the key set be fetched once, and then not again for a minute."""
    await _accepted(company)
    company.provider.signs = make_key("unknown")
    before = company.provider.asked.count("/keys")
    for _ in range(3):
        await _refused(company, "unknown")
    assert company.provider.asked.count("/keys") == before + 1


async def test_weak_and_strange_key_sets(company: Company) -> None:
    """RP-15: a set with symmetric or private keys, a thousand keys, or only weak ones lets nobody in; a weak key beside a good one
    is passed over."""
    key = company.provider.signs
    good = key.as_dict(private=False)
    weak = jwk.RSAKey.generate_key(1024, {"kid": "weak"}).as_dict(private=False)
    unit = {**jwk.RSAKey.generate_key(2048, {"kid": "unit"}).as_dict(private=False), "e": "AQ"}
    symmetric = {"kty": "oct", "k": "AAAA", "kid": "oct"}
    for keys in ([good, symmetric], [key.as_dict(private=True)], [good] * 1_000, [weak], [unit], []):
        company.provider.published = keys
        company.site.advance(hours=2)
        await _refused(company, str(keys)[:60])
    company.provider.published = [weak, unit, good]
    company.site.advance(hours=2)
    await _accepted(company)


async def test_broken_token_endpoints(company: Company) -> None:
    """RP-20: HTML, an error with any status, half a JSON, no ID token, no type, or a redirect end in a page that says so; nobody is
    signed in, and the secret goes nowhere else."""
    script = company.provider
    for answer in (
        Answer(200, b"<html>hello</html>", {"Content-Type": "text/html"}),
        Answer(500, b"oops"),
        Answer(200, b'{"error":"invalid_grant"}'),
        Answer(200, b'{"access_token":"x","token_ty'),
        Answer(200, b"[]"),
        Answer(200, b"x" * 300_000),
        Answer(307, b"", {"Location": script.base + "/stolen"}),
    ):
        script.instead = {"/token": answer}
        await _refused(company, str(answer)[:60])
    script.instead = {}
    for tokens in (
        {"id_token": None},
        {"token_type": None},
        {"token_type": "mac"},
        {"access_token": None},
        {"id_token": 5},
    ):
        script.tokens = tokens
        await _refused(company, str(tokens))
    assert "/stolen" not in script.asked


async def test_claims_of_wrong_types(company: Company) -> None:
    """RP-25: claims that are not needed and have a wrong type are as if they were not there."""
    company.provider.claims = {"name": None, "amr": "pwd", "acr": ["x"], "sid": 7, "auth_time": "soon", "groups": "x"}
    await _accepted(company)
    company.provider.claims = {"name": {"first": "Emil"}, "amr": [1, None, "a,b"], "auth_time": -1}
    await _accepted(company)


async def test_userinfo_is_of_the_same_person(company: Company) -> None:
    """RP-05: an address that only userinfo has is taken from there, for the same subject alone."""
    company.provider.claims = {"email": None, "email_verified": None, "name": None}
    company.provider.userinfo = {"sub": "subject-2", "email": EMIL, "email_verified": True}
    await _refused(company, "another subject")
    company.provider.userinfo = {"email": EMIL, "email_verified": True}
    await _accepted(company)


async def test_a_hash_of_the_access_token_is_compared(company: Company) -> None:
    """OpenID Connect Core §3.1.3.6: at_hash, where there is one, is that of the access token that came along."""
    company.provider.claims = {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}
    await _refused(company, "at_hash")


async def test_discovery_takes_the_very_issuer(company: Company) -> None:
    """RP-13, RP-18: a document whose issuer is another, a template of tenants, or whose addresses are missing or no addresses is
    refused whole; so is what is no JSON, too large, or somewhere else."""
    site, script = company.site.site, company.provider
    for metadata in (
        {"issuer": script.base + "/"},
        {"issuer": script.base + "/{tenantid}/v2.0"},
        {"issuer": None},
        {"issuer": [script.base]},
        {"token_endpoint": None},
        {"token_endpoint": "javascript:alert(1)"},
        {"jwks_uri": 5},
        {"authorization_endpoint": "//other.example/authorize"},
        {"userinfo_endpoint": "http://user:pass@other.example/"},
        {"id_token_signing_alg_values_supported": ["HS256", "none"]},
    ):
        script.metadata = metadata
        with pytest.raises(ProviderError):
            await discover(site, script.base)
    script.metadata = {}
    path = "/.well-known/openid-configuration"
    for answer in (
        Answer(200, b"<html>"),
        Answer(200, b"[]"),
        Answer(200, b'{"issuer": "' + b"x" * 200_000 + b'"}'),
        Answer(302, b"", {"Location": script.base + "/elsewhere"}),
        Answer(404),
    ):
        script.instead = {path: answer}
        with pytest.raises(ProviderError):
            await discover(site, script.base)
    assert "/elsewhere" not in script.asked


@pytest.mark.parametrize(
    "issuer", ["https://x.example/{tenantid}/v2.0", "ftp://x.example", "https://x.example?a=b", "x", ""]
)
async def test_an_issuer_is_an_address(company: Company, issuer: str) -> None:
    """RP-18: a template, another scheme, a query, or no address at all is no issuer."""
    with pytest.raises(ProviderError):
        await discover(company.site.site, issuer)


async def test_inner_addresses_are_not_asked(company: Company, provider: Provider) -> None:
    """RP-14: on a live site an issuer, a token endpoint or a key set on a loopback address is never connected to."""
    browser = company.site.browser()
    answer = provider.answer(await company.leave(browser)).removeprefix(company.site.site.services.base_url)
    company.site.site = replace(company.site.site, outgoing=Outgoing(False))
    company.site.application = make_application(company.site.site)
    inner = company.site.browser()
    inner.client.cookies.update(browser.client.cookies)
    before = len(provider.asked)
    page = await inner.get(answer)
    assert page.status_code == 400 and "nobody was signed in" in page.text
    for issuer in (
        provider.base,
        provider.base.replace("http:", "https:"),
        "https://[::ffff:127.0.0.1]",
        "https://169.254.169.254",
    ):
        with pytest.raises(ProviderError):
            await discover(company.site.site, issuer)
    assert len(provider.asked) == before
