"""Three small third-party apps for the demo. They know nothing of the server but its wire: everything goes over HTTP.

Each keeps a vault in memory (asset id -> token), shows per asset what a call answers right now, and has a Connect
button that walks through the login dialog like any app written for Facebook Login.
"""

import html
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

VERSION = "v26.0"
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;padding:0 1rem;color:#1c1917;background:#fffbf5}
h1{font-size:1.5rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.5rem;border-bottom:1px solid #e7e0d5}
.ok{color:#166534}.soon{color:#92400e}.lost{color:#991b1b}a.button{display:inline-block;background:#7c2d12;color:#fff;
padding:.6rem 1rem;border-radius:.4rem;text-decoration:none}small{color:#57534e}nav a{margin-right:1rem}
@media(prefers-color-scheme:dark){body{color:#f5f5f4;background:#1c1917}td,th{border-color:#44403c}.ok{color:#86efac}
.soon{color:#fcd34d}.lost{color:#fca5a5}small{color:#a8a29e}a{color:#fdba74}a.button{color:#fff}}
"""


@dataclass(slots=True)
class Connection:
    """One asset of the vault and the token that reaches it."""

    asset_id: str
    name: str
    token: str
    whose: str


@dataclass(slots=True)
class DemoApp:
    """One third-party app: its registration and its vault."""

    slug: str
    name: str
    about: str
    id: str
    secret: str
    scopes: str
    vault: dict[str, Connection] = field(default_factory=dict)
    said: str = ""


class DemoApps:
    """The three apps on one port. ``graph``: the server's base address."""

    def __init__(self, apps: list[DemoApp], graph: str, url: str) -> None:
        self._apps = {app.slug: app for app in apps}
        self._graph = graph
        self._url = url
        self._client = httpx2.AsyncClient(timeout=10, trust_env=False)

    def application(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/", self._index),
                Route("/{slug}", self._guard(self._home)),
                Route("/{slug}/connect", self._guard(self._connect)),
                Route("/{slug}/callback", self._guard(self._callback)),
            ]
        )

    def _guard(self, handler: Callable[[Request, DemoApp], Any]) -> Callable[[Request], Any]:
        async def guarded(request: Request) -> Response:
            app = self._apps.get(request.path_params["slug"])
            if app is None:
                return HTMLResponse("No such app.", 404)
            answer: Response = await handler(request, app)
            return answer

        return guarded

    def _page(self, title: str, body: str) -> HTMLResponse:
        links = " ".join(f'<a href="/{app.slug}">{html.escape(app.name)}</a>' for app in self._apps.values())
        head = '<meta name="viewport" content="width=device-width, initial-scale=1">'
        return HTMLResponse(
            f'<!doctype html><html lang="en"><head><meta charset="utf-8">{head}<title>{html.escape(title)}</title>'
            f"<style>{_STYLE}</style></head><body><nav>{links}</nav><main>{body}</main></body></html>"
        )

    async def _index(self, request: Request) -> Response:
        rows = "".join(
            f'<li><a href="/{app.slug}">{html.escape(app.name)}</a>: {html.escape(app.about)}</li>'
            for app in self._apps.values()
        )
        return self._page("Third-party apps", f"<h1>Three third-party apps</h1><ul>{rows}</ul>")

    async def _home(self, request: Request, app: DemoApp) -> Response:
        rows = [await self._row(connection) for connection in app.vault.values()]
        said = f"<p><strong>{html.escape(app.said)}</strong></p>" if app.said else ""
        app.said = ""
        button = (
            f'<p><a class="button" href="/{app.slug}/connect">Connect again with Workbadge</a></p>'
            if app.scopes
            else ""
        )
        table = "<tr><th>Asset</th><th>What a call answers right now</th></tr>" + "".join(rows)
        return self._page(
            app.name,
            f"<h1>{html.escape(app.name)}</h1><p>{html.escape(app.about)}</p>{said}<table>{table}</table>{button}",
        )

    async def _row(self, connection: Connection) -> str:
        answer = await self._get(
            f"/{connection.asset_id}",
            connection.token,
            fields="name,user_access_expire_time",
        )
        name, whose = html.escape(connection.name), html.escape(connection.whose)
        if "error" in answer:
            text = html.escape(f"error {answer['error']['code']}: {answer['error']['message']}")
            state = f'<span class="lost">{text}</span>'
        elif "user_access_expire_time" in answer:
            state = f'<span class="soon">works until {html.escape(answer["user_access_expire_time"])}</span>'
        else:
            state = '<span class="ok">works</span>'
        return f"<tr><td>{name}<br><small>{whose}</small></td><td>{state}</td></tr>"

    async def _get(self, path: str, token: str, **params: str) -> dict[str, Any]:
        answer = await self._client.get(
            f"{self._graph}/{VERSION}{path}",
            params=params,
            headers={"Authorization": f"Bearer {token}"},
        )
        data: dict[str, Any] = json.loads(answer.text)
        return data

    async def _connect(self, request: Request, app: DemoApp) -> Response:
        query = {
            "client_id": app.id,
            "redirect_uri": f"{self._url}/{app.slug}/callback",
            "scope": app.scopes,
            "auth_type": "rerequest",
            "state": app.slug,
        }
        return RedirectResponse(
            f"{self._graph}/{VERSION}/dialog/oauth?{urlencode(query, quote_via=quote)}",
            303,
        )

    async def _callback(self, request: Request, app: DemoApp) -> Response:
        code = request.query_params.get("code")
        if code is None:
            app.said = "Nothing was changed: the login was cancelled."
            return RedirectResponse(f"/{app.slug}", 303)
        client = {"client_id": app.id, "client_secret": app.secret}
        exchange = {
            **client,
            "code": code,
            "redirect_uri": f"{self._url}/{app.slug}/callback",
        }
        answer = await self._client.post(f"{self._graph}/{VERSION}/oauth/access_token", data=exchange)
        token = json.loads(answer.text).get("access_token")
        if token is not None:
            longer = {
                **client,
                "grant_type": "fb_exchange_token",
                "fb_exchange_token": token,
            }
            answer = await self._client.post(f"{self._graph}/{VERSION}/oauth/access_token", data=longer)
            token = json.loads(answer.text).get("access_token", token)
        if token is None:
            app.said = "The login did not work: " + json.loads(answer.text)["error"]["message"]
            return RedirectResponse(f"/{app.slug}", 303)
        replaced = await self._replace(app, token)
        app.said = f"{replaced} of {len(app.vault)} assets now go through the new login."
        return RedirectResponse(f"/{app.slug}", 303)

    async def _replace(self, app: DemoApp, token: str) -> int:
        """Put the new token on every asset that it reaches; an asset it does not reach keeps the old one."""
        me = await self._get("/me", token, fields="name,is_work_account")
        kind = "work account" if me.get("is_work_account") else "personal account"
        replaced = 0
        for connection in app.vault.values():
            answer = await self._get(f"/{connection.asset_id}", token, fields="name")
            if "error" not in answer:
                connection.token = token
                connection.whose = f"{me.get('name', '')}, {kind}"
                replaced += 1
        return replaced

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()
