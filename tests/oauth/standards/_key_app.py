"""An app that proves itself by keys: assertions for itself, proofs for its tokens."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx

from tests.commands._world import BASE
from workbadge.commands.client_terms import DEFAULT, OVERLAP, rotate_secret, save_terms
from workbadge.commands.services import Services
from workbadge.keys import hash_secret
from workbadge.oauth.rfc7523 import ASSERTION_TYPE
from workbadge.store import client_terms
from workbadge.web.rfc9449.proof import token_hash

from ._app import VERIFIER, App
from ._forge import Key, jwks, new_key, public, seconds, signed


class KeyApp(App):
    """An app that authenticates by ``private_key_jwt`` with a key of its own."""

    key: Key

    async def agree(self, **terms: Any) -> "KeyApp":
        """Register it with a key, and set its terms."""
        self.key = new_key()
        await self.register("private_key_jwt", alg="ES256")
        await self.set_terms(jwks=jwks(self.key), **terms)
        return self

    async def set_terms(self, **terms: Any) -> None:
        """Set its terms."""
        async with self.site.world.services.store.write() as tx:
            await save_terms(tx, int(self.id), replace(DEFAULT, **terms), self.site.now)

    def claims(self, **changed: Any) -> dict[str, Any]:
        """A right assertion's claims, with changes; None takes one away."""
        right = {
            "iss": self.id,
            "sub": self.id,
            "aud": BASE,
            "exp": seconds(self.site.now) + 60,
            "jti": self.site.world.services.entropy.text(20),
        }
        return {name: value for name, value in {**right, **changed}.items() if value is not None}

    def assertion(self, key: Key | None = None, **changed: Any) -> dict[str, str]:
        """Parameters that authenticate it."""
        text = signed(key or self.key, {"alg": "ES256"}, self.claims(**changed))
        return {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}

    async def call(
        self, path: str, form: dict[str, str], proof: str | None = None, proves_itself: bool = True
    ) -> httpx.Response:
        """One call of an endpoint, with an assertion."""
        headers = {} if proof is None else {"dpop": proof}
        own = self.assertion() if proves_itself else {"client_id": self.id}
        return await self.site.token("POST", path, data={**form, **own}, headers=headers)

    async def registration_token(self) -> str:
        """A token that manages its registration."""
        text = "WBM" + self.site.world.services.entropy.text(64)
        async with self.site.world.services.store.write() as tx:
            await client_terms.set_terms(tx, int(self.id), {"registration_hash": hash_secret(text)}, True)
        return text

    async def redeem_by_key(self, code: str, proof: str | None = None, **more: str) -> httpx.Response:
        """Redeem a code."""
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.back, "code_verifier": VERIFIER}
        return await self.call("/oauth/token", {**form, **more}, proof)


async def rotate(services: Services, app_id: int, now: datetime, overlap: timedelta = OVERLAP) -> str:
    """Replace an app's secret; the new one."""
    async with services.store.write() as tx:
        return await rotate_secret(tx, services, app_id, None, now, overlap)


def dpop(
    app: App, key: Key, path: str = "/oauth/token", method: str = "POST", token: str | None = None, **changed: Any
) -> str:
    """A proof for a request."""
    right = {
        "htm": method,
        "htu": BASE + path,
        "iat": seconds(app.site.now),
        "jti": app.site.world.services.entropy.text(20),
        "ath": None if token is None else token_hash(token),
    }
    claims = {name: value for name, value in {**right, **changed}.items() if value is not None}
    return signed(key, {"typ": "dpop+jwt", "alg": "ES256", "jwk": public(key)}, claims)
