"""An OpenID provider that does as it is told: it can sign anything, mis-sign, rotate its keys, and answer what no provider should."""

import base64
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwk, jws

CLIENT = "workbadge at the provider"
SECRET = "a secret: with/odd characters"


def make_key(kid: str | None, kind: str = "EC") -> Any:
    """A key pair."""
    named = {} if kid is None else {"kid": kid}
    if kind == "EC":
        return jwk.ECKey.generate_key("P-256", named)
    return jwk.RSAKey.generate_key(2048, named)


@dataclass
class Answer:
    """What stands in the place of an endpoint's own answer."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class Provider:
    """The script. ``published``: keys in the key set; ``signs``: the one that signs; ``claims`` change the ID token's (a value of
    None leaves one out); ``instead``: answers by path; ``asked``: paths in order."""

    base: str = ""
    now: Callable[[], float] = lambda: 0.0
    signs: Any = None
    published: list[Any] = field(default_factory=list)
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    userinfo: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    tokens: dict[str, Any] = field(default_factory=dict)
    instead: dict[str, Answer] = field(default_factory=dict)
    forge: Callable[[str], str] = lambda text: text
    asked: list[str] = field(default_factory=list)
    posted: list[dict[str, str]] = field(default_factory=list)
    _codes: dict[str, dict[str, str]] = field(default_factory=dict)

    def answer(self, address: str, **more: Any) -> str:
        """Somebody signs in here, having come to ``address``: where the browser goes back to. ``more`` changes its query (a value
        of None leaves one out)."""
        asked = {key: one[0] for key, one in parse_qs(urlsplit(address).query).items()}
        assert asked["response_type"] == "code" and asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split() and asked["client_id"] == CLIENT
        code = f"code-{len(self._codes)}"
        self._codes[code] = asked
        query = {"code": code, "state": asked["state"], "iss": self.base, **more}
        return asked["redirect_uri"] + "?" + urlencode({key: one for key, one in query.items() if one is not None})

    def respond(self, path: str, form: dict[str, str], authorization: str) -> Answer:
        """One request."""
        self.asked.append(path)
        if path in self.instead:
            return self.instead[path]
        if path == "/.well-known/openid-configuration":
            return _json(self._about())
        if path == "/keys":
            return _json(
                {"keys": [one if isinstance(one, dict) else one.as_dict(private=False) for one in self.published]}
            )
        if path == "/token":
            return self._tokens(form, authorization)
        if path == "/me":
            return _json({"sub": "subject-1", **self.userinfo})
        return Answer(404)

    def _about(self) -> dict[str, Any]:
        found = {
            "issuer": self.base,
            "authorization_endpoint": self.base + "/authorize",
            "token_endpoint": self.base + "/token",
            "jwks_uri": self.base + "/keys",
            "userinfo_endpoint": self.base + "/me",
            "id_token_signing_alg_values_supported": ["ES256", "RS256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": True,
            **self.metadata,
        }
        return {key: one for key, one in found.items() if one is not None}

    def _tokens(self, form: dict[str, str], authorization: str) -> Answer:
        self.posted.append({**form, "authorization": authorization})
        asked = self._codes.pop(form.get("code", ""), None)
        if asked is None:
            return _json({"error": "invalid_grant"}, 400)
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == asked["code_challenge"]
        assert form["redirect_uri"] == asked["redirect_uri"]
        if authorization:
            pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
            assert [unquote(one) for one in pair.split(":")] == [CLIENT, SECRET]
        now = int(self.now())
        claims = {
            "iss": self.base,
            "aud": CLIENT,
            "sub": "subject-1",
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
            "email": "emil@work.example",
            "email_verified": True,
            "name": "Emil at work",
            **self.claims,
        }
        kept = {key: one for key, one in claims.items() if one is not None}
        answer = {"access_token": "an-access-token", "token_type": "Bearer", "id_token": self.forge(self._sign(kept))}
        return _json({key: one for key, one in {**answer, **self.tokens}.items() if one is not None})

    def _sign(self, claims: dict[str, Any]) -> str:
        alg = (
            "ES256" if isinstance(self.signs, jwk.ECKey) else "HS256" if isinstance(self.signs, jwk.OctKey) else "RS256"
        )
        header = {"alg": alg, **({"kid": self.signs.kid} if self.signs.kid else {}), **self.header}
        header = {key: one for key, one in header.items() if one is not None}
        registry = jws.JWSRegistry(algorithms=[alg], strict_check_header=False)
        registry.max_header_length = 1_000_000
        return str(jws.serialize_compact(header, json.dumps(claims), self.signs, registry=registry))


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


@contextmanager
def running_provider(now: Callable[[], float]) -> Iterator[Provider]:
    """A provider on a port of its own, with one key."""
    key = make_key("one")
    provider = Provider(now=now, signs=key, published=[key])

    class Handler(BaseHTTPRequestHandler):
        """Hands every request to the script."""

        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            form = {key: one[0] for key, one in parse_qs(body).items()}
            answer = provider.respond(self.path.partition("?")[0], form, self.headers.get("Authorization") or "")
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(answer.body)

        do_GET = do_POST = _serve

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing is printed."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider.base = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        server.server_close()
