# Written by tools/unasync.py from kit/src/regrant/_async/client.py: change that file.
"""The client: one app at a Graph-compatible API. It retries, waits, signs and pages; tokens are in no address and no log."""

import hashlib
import hmac
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urlencode

import httpx

from regrant.answers import App, Inspection, NewToken, Node, Op, Page, Person, inspection_of, read_instant, veil
from regrant.edge import Clock, Pause, pause, spread, utc_now
from regrant.errors import Action, GraphError, Reason, error_of
from regrant.secret import Secret
from regrant.tokens import AssetToken
from regrant.usage import Usage, usage_of

Token: TypeAlias = Secret | AssetToken

BATCH = 50
"""How many operations a batch, and how many ids a read may have."""
T = TypeVar("T")
_SAFE = frozenset({"GET", "DELETE"})


class Client:
    """Calls the API for one app.

    What fails for a while (wire.md §8.5: 1, 2, ``is_transient``, no answer) is tried ``tries`` times, with growing pauses; what was
    written is only repeated when it was certainly not received. A full allowance is waited for if that takes ``patience`` seconds at
    most. Everything else is a GraphError, which says what to do. ``usage`` is what the last answer's headers said.

    A token from the vault is good for its asset: a call about another raises WrongAssetError before anything is sent. What a call is
    about is the first part of its path, or ``of``, for nodes that belong to the asset and do not show it by their id.
    """

    def __init__(
        self,
        app: App,
        http: httpx.Client | None = None,
        *,
        clock: Clock = utc_now,
        pause: Pause = pause,
        tries: int = 4,
        patience: float = 10.0,
    ) -> None:
        self.app = app
        self.usage = Usage()
        self._http = http or httpx.Client(timeout=30.0)
        self._clock, self._pause = clock, pause
        self._tries, self._patience = tries, patience

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def get(
        self, path: str, token: Token, /, *, fields: Iterable[str] = (), of: str | None = None, **params: Any
    ) -> Node:
        """Read a node or an edge. ``fields``: names, or items of the fields grammar."""
        named = list(fields)
        if named:
            params["fields"] = ",".join(named)
        return _node(self._call("GET", path, token, params, of))

    def post(self, path: str, token: Token, /, *, of: str | None = None, **params: Any) -> Node:
        """Write. Lists and objects among ``params`` are sent as JSON."""
        return _node(self._call("POST", path, token, params, of))

    def delete(self, path: str, token: Token, /, *, of: str | None = None, **params: Any) -> Node:
        """Delete a node, or what a parameter names of an edge."""
        return _node(self._call("DELETE", path, token, params, of))

    def each(
        self, path: str, token: Token, /, *, fields: Iterable[str] = (), of: str | None = None, **params: Any
    ) -> Iterator[Node]:
        """The items of an edge, page after page, as long as there are more."""
        named = list(fields)
        while True:
            page = self.get(path, token, fields=named, of=of, **params)
            for item in page.get("data", []):
                yield item
            paging = page.get("paging") or {}
            after = (paging.get("cursors") or {}).get("after")
            if not paging.get("next") or not after or after == params.get("after"):
                return
            params["after"] = after

    def many(self, ids: Sequence[str], token: Token, *, fields: Iterable[str] = ()) -> dict[str, Node | GraphError]:
        """Many nodes by id, fifty in a call. One that fails does not take the others along: it is its own error."""
        found: dict[str, Node | GraphError] = {}
        named = ",".join(fields)
        for chunk in _chunks(list(dict.fromkeys(ids))):
            params = {"ids": ",".join(chunk), **({"fields": named} if named else {})}
            try:
                answer = self._call("GET", "", token, params, None)
                found.update({id: answer[id] for id in chunk if isinstance(answer.get(id), dict)})
            except GraphError as error:
                if error.reason not in (Reason.GONE, Reason.LOST_REACH, Reason.PERMISSION_MISSING, Reason.REFUSED):
                    raise
            rest = [id for id in chunk if id not in found]
            ops = [Op("GET", id, {"fields": named} if named else {}) for id in rest]
            found.update(zip(rest, self.batch(ops, token), strict=True))
        return {id: found[id] for id in dict.fromkeys(ids)}

    def batch(self, ops: Sequence[Op], token: Token) -> list[Node | GraphError]:
        """Operations, fifty in a call; what each led to, in order. What the server did not begin is sent again."""
        done: list[Node | GraphError | None] = [None] * len(ops)
        for _ in range(self._tries):
            waiting = [number for number, one in enumerate(done) if one is None]
            for chunk in _chunks(waiting):
                secret = _secret(token)
                body: dict[str, str | Secret] = {
                    "batch": self._packed([ops[number] for number in chunk], token),
                    "include_headers": "false",
                    "appsecret_proof": self._proof(secret),
                }
                answers = self._send("POST", "", secret, body, _whose(token), repeat=_only_reads(ops, chunk))
                if not isinstance(answers, list) or len(answers) != len(chunk):
                    raise GraphError(Reason.GARBLED, "the answer of a batch has another length than the batch")
                for number, answer in zip(chunk, answers, strict=True):
                    done[number] = _opened(answer, _whose(ops[number].token or token))
            if None not in done:
                break
        unbegun = GraphError(Reason.FAULT, "the server did not begin this operation")
        return [one if one is not None else unbegun for one in done]

    def access_ends(self, ids: Sequence[str], token: Token) -> dict[str, datetime | GraphError | None]:
        """When this token stops reaching each asset (``user_access_expire_time``); None: no end is known."""
        found = self.many(ids, token, fields=["id", "user_access_expire_time"])
        without = [id for id, one in found.items() if isinstance(one, GraphError) and one.reason is Reason.REFUSED]
        if without:
            found.update(self.many(without, token, fields=["id"]))
        return {
            id: one if isinstance(one, GraphError) else read_instant(one.get("user_access_expire_time"))
            for id, one in found.items()
        }

    def person(self, token: Token) -> Person:
        """Whoever the token stands for."""
        secret = _secret(token)
        try:
            told = self._call("GET", "me", secret, {"fields": "id,name,is_work_account"}, None)
        except GraphError as error:
            if error.reason is not Reason.REFUSED:
                raise
            told = self._call("GET", "me", secret, {"fields": "id,name"}, None)  # a system user has no such field
        return Person(str(told.get("id", "")), str(told.get("name", "")), told.get("is_work_account") is True)

    def pages(self, token: Secret) -> list[Page]:
        """The pages that a person's token reaches, each with its own token."""
        return [_page(one) for one in self.each("me/accounts", token, fields=["id", "name", "tasks", "access_token"])]

    def page_token(self, page: str, token: Token) -> AssetToken:
        """A page's own token, derived from the token of somebody who reaches it."""
        told = self.get(page, token, fields=["id", "access_token"])
        secret = told.get("access_token")
        if not isinstance(secret, Secret):
            raise GraphError(
                Reason.PERMISSION_MISSING, f"there is no token of page {page}: was it selected for this app?"
            )
        return AssetToken(page, secret, _whose(token), own=True)

    def exchange(self, code: str, redirect_uri: str) -> NewToken:
        """The token behind the code of a login."""
        return self._issue(code=Secret(code), redirect_uri=redirect_uri)

    def extend(self, token: Secret) -> NewToken:
        """A token of the same person that lives for sixty days."""
        return self._issue(grant_type="fb_exchange_token", fb_exchange_token=token)

    def inspect(self, token: Token) -> Inspection:
        """What ``debug_token`` says about a token. One that is dead, or no token at all, is ``valid=False``."""
        asked = Op("GET", "debug_token", {"input_token": _secret(token)})
        (told,) = self.batch([asked], self.app.token)
        if isinstance(told, GraphError):
            raise told
        return inspection_of(told.get("data"))

    def login_url(
        self, redirect_uri: str, state: str, scopes: Iterable[str] = (), *, rerequest: bool = False, **more: str
    ) -> str:
        """The login dialog. ``rerequest`` asks for declined permissions again and reopens the selection of assets."""
        query = {
            "client_id": self.app.id,
            "redirect_uri": redirect_uri,
            "state": state,
            "response_type": "code",
            **more,
        }
        wanted = ",".join(scopes)
        if wanted:
            query["scope"] = wanted
        if rerequest:
            query["auth_type"] = "rerequest"
        return f"{self.app.dialog}/{self.app.version}/dialog/oauth?{urlencode(query)}"

    def _issue(self, **form: str | Secret) -> NewToken:
        whole = {"client_id": self.app.id, "client_secret": self.app.secret, **form}
        told = self._send("POST", "oauth/access_token", None, whole, "", repeat=True)
        secret, lives = told.get("access_token"), told.get("expires_in")
        if not isinstance(secret, Secret):
            raise GraphError(Reason.GARBLED, "the answer holds no access_token")
        ends = isinstance(lives, int | float) and lives > 0
        return NewToken(secret, self._clock() + timedelta(seconds=lives) if ends else None)

    def _call(self, method: str, path: str, token: Token, params: Mapping[str, Any], of: str | None) -> Any:
        path = _checked(path, token, params, of)
        secret = _secret(token)
        sent = {**_encoded(params), "appsecret_proof": self._proof(secret)}
        return self._send(method, path, secret, sent, _whose(token), repeat=method in _SAFE)

    def _packed(self, ops: Sequence[Op], fallback: Token) -> Secret:
        """Operations as a batch holds them, each with its own token and the proof of it."""
        return Secret(json.dumps([self._operation(op, op.token or fallback) for op in ops]))

    def _operation(self, op: Op, token: Token) -> Node:
        path = _checked(op.path, token, op.params, op.of)
        secret = _secret(token)
        query = urlencode(_revealed({**_encoded(op.params), "appsecret_proof": self._proof(secret)}))
        packed = {"method": op.method, "access_token": secret.reveal()}
        if op.method == "POST":
            return {**packed, "relative_url": path, "body": query}
        return {**packed, "relative_url": f"{path}?{query}"}

    def _proof(self, token: Secret) -> str:
        return hmac.new(self.app.secret.reveal().encode(), token.reveal().encode(), hashlib.sha256).hexdigest()

    def _send(
        self,
        method: str,
        path: str,
        token: Secret | None,
        params: Mapping[str, str | Secret],
        whose: str,
        *,
        repeat: bool,
    ) -> Any:
        """One request, repeated as the table says. ``repeat``: whether it may be, when it may have been received."""
        waited, error = 0.0, GraphError(Reason.FAULT, "no attempt was made")
        for attempt in range(self._tries):
            wait = spread(0.5 * 2**attempt)
            try:
                return self._once(method, path, token, params, whose)
            except _NotSentError:
                error = GraphError(Reason.UNREACHABLE, f"{self.app.base} cannot be reached", whose=whose)
            except GraphError as failed:
                error = failed
                if failed.action is Action.BACK_OFF and failed.until is not None:
                    wait = max(0.0, (failed.until - self._clock()).total_seconds())
                elif failed.action is not Action.RETRY or not (repeat or failed.reason is Reason.FAULT):
                    raise
            waited += wait
            if waited > self._patience or attempt + 1 == self._tries:
                break
            self._pause(wait)
        raise error

    def _once(
        self, method: str, path: str, token: Secret | None, params: Mapping[str, str | Secret], whose: str
    ) -> Any:
        try:
            answer = self._http.send(self._request(method, path, token, params))
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            raise _NotSentError from None
        except httpx.HTTPError as failed:
            raise GraphError(Reason.UNREACHABLE, f"no answer: {type(failed).__name__}", whose=whose) from None
        return self._read(answer, whose)

    def _request(
        self, method: str, path: str, token: Secret | None, params: Mapping[str, str | Secret]
    ) -> httpx.Request:
        """The one place where secrets become text: in the header and the body, never in the address."""
        url = f"{self.app.base}/{self.app.version}/{path}"
        headers = {} if token is None else {"Authorization": f"Bearer {token.reveal()}"}
        if method == "POST":
            return self._http.build_request(method, url, headers=headers, data=_revealed(params))
        if any(isinstance(value, Secret) for value in params.values()):
            raise ValueError("a secret does not stand in an address: send it with post, or in a batch")
        return self._http.build_request(method, url, headers=headers, params=_revealed(params))

    def _read(self, answer: httpx.Response, whose: str) -> Any:
        """The answer's JSON, veiled. Raises GraphError."""
        now = self._clock()
        try:
            body = veil(answer.json())
        except ValueError:
            body = None
        failed = answer.status_code >= 400 or (isinstance(body, dict) and "error" in body)
        self.usage = usage_of(answer.headers, now)
        if failed:
            limit = usage_of(answer.headers, now, refused=True)
            raise error_of(body, answer.status_code, whose, limit.until)
        if answer.status_code >= 300 or not isinstance(body, dict | list):
            raise GraphError(
                Reason.GARBLED, "the answer is no JSON of this API", status=answer.status_code, whose=whose
            )
        return body


class _NotSentError(Exception):
    """The request certainly reached nobody."""


def _checked(path: str, token: Token, params: Mapping[str, Any], of: str | None) -> str:
    """The path, quoted. Raises WrongAssetError when the token is another asset's, ValueError when it is no path."""
    parts = path.strip("/").split("/")
    if "://" in path or "?" in path or "#" in path or any(part in (".", "..") for part in parts) or "batch" in params:
        raise ValueError(f"a path like me/accounts was expected, with parameters apart, not {path[:80]!r}")
    if isinstance(token, AssetToken):
        ids = params.get("ids", "")
        named = [of] if of else (ids.split(",") if isinstance(ids, str) else list(ids)) if ids else [parts[0]]
        for one in named:
            token.must_fit(one)
    return "/".join(quote(part, safe="") for part in parts)


def _secret(token: Token) -> Secret:
    return token.secret if isinstance(token, AssetToken) else token


def _whose(token: Token) -> str:
    return token.holder if isinstance(token, AssetToken) else ""


def _encoded(params: Mapping[str, Any]) -> dict[str, str | Secret]:
    return {
        name: value if isinstance(value, str | Secret) else json.dumps(value)
        for name, value in params.items()
        if value is not None
    }


def _revealed(params: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: value.reveal() if isinstance(value, Secret) else value for name, value in params.items()}


def _node(answer: Any) -> Node:
    if not isinstance(answer, dict):
        raise GraphError(Reason.GARBLED, "an object was expected")
    return answer


def _page(told: Node) -> Page:
    id, secret = str(told.get("id", "")), told.get("access_token")
    tasks = tuple(str(one) for one in told.get("tasks") or ())
    own = AssetToken(id, secret, own=True) if isinstance(secret, Secret) else None
    return Page(id, str(told.get("name", "")), tasks, own)


def _opened(answer: Any, whose: str) -> Node | GraphError | None:
    """What one member of a batch's answer says; None: it was not begun."""
    if answer is None:
        return None
    try:
        body = veil(json.loads(answer["body"]))
        code = int(answer["code"])
    except (KeyError, TypeError, ValueError):
        return GraphError(Reason.GARBLED, "a member of a batch's answer cannot be read", whose=whose)
    if code >= 400 or not isinstance(body, dict) or "error" in body:
        return error_of(body, code, whose, None)
    return body


def _only_reads(ops: Sequence[Op], numbers: Iterable[int]) -> bool:
    return all(ops[number].method == "GET" for number in numbers)


def _chunks(values: Sequence[T]) -> list[Sequence[T]]:
    return [values[start : start + BATCH] for start in range(0, len(values), BATCH)]
