"""The world that is fuzzed: people in every phase of a migration, and something of everything that can be named.

``Seeds`` makes it, through the control API, the graph and the dialog.
"""

import hashlib
import hmac
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests._dialog import Person

SCOPES = [
    "public_profile",
    "openid",
    "email",
    "pages_show_list",
    "pages_read_engagement",
    "pages_manage_posts",
    "pages_manage_metadata",
    "ads_read",
    "ads_management",
    "catalog_management",
    "business_management",
    "whatsapp_business_management",
]
SHOP = "manage_business_extension,catalog_management,pages_read_engagement"
_TYPES = {"page": "Page", "ad_account": "AdAccount", "product_catalog": "ProductCatalog", "pixel": "AdsPixel"}


class _Receiver(BaseHTTPRequestHandler):
    """Answers the handshake of webhooks and takes whatever is sent."""

    def do_GET(self) -> None:
        """The challenge, as the whole body."""
        challenge = parse_qs(urlsplit(self.path).query).get("hub.challenge", [""])[0]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(challenge.encode())

    def do_POST(self) -> None:
        """A webhook."""
        self.rfile.read(int(self.headers.get("content-length", "0")))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing is told."""


def start_receiver() -> str:
    """The address of a receiver on this machine, as long as this process lives."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Receiver)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_address[1]}/hook"


class Seeds:
    """A sandbox world by what was printed about it; ``ids`` by type of node, ``tokens`` by name."""

    def __init__(self, world: dict[str, Any]) -> None:
        self.world = world
        self.receiver = start_receiver()
        self.app: dict[str, Any] = world["app"]
        self.business: str = world["business"]["id"]
        self.partner: str = world["partner_business"]["id"]
        self.people: dict[str, str] = {one["role"]: one["personal"]["id"] for one in world["accounts"]}
        self.ids: dict[str, list[str]] = {
            "Business": [self.business, self.partner],
            "Application": [self.app["id"]],
            "User": ["me"],
        }
        self.tokens: dict[str, str] = {"app": f"{self.app['id']}|{self.app['secret']}"}
        for asset in world["assets"]:
            self.ids.setdefault(_TYPES.get(asset["type"], asset["type"]), []).append(asset["id"])

    def control(self, method: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """One call of the control API."""
        headers = {"Authorization": f"Bearer {self.world['control_token']}"}
        answer = httpx.request(method, self.world["control_url"] + path, json=body, headers=headers, trust_env=False)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def graph(self, path: str, token: str, method: str = "GET", **values: str) -> dict[str, Any]:
        """One call of the graph."""
        values["access_token"] = token
        place = "params" if method == "GET" else "data"
        address = self.world["base_url"] + path
        answer = httpx.request(method, address, trust_env=False, **{place: values})  # type: ignore[arg-type]
        assert answer.status_code == 200, (path, answer.text)
        found: dict[str, Any] = answer.json()
        return found

    def proof(self, token: str) -> str:
        """The proof that goes with a token."""
        return hmac.new(self.app["secret"].encode(), token.encode(), hashlib.sha256).hexdigest()

    def consent(self, account: str, assets: list[str], result: str = "token") -> dict[str, Any]:
        """What a login leads to."""
        body = {"account": account, "app": self.app["id"], "scopes": SCOPES, "assets": assets, "result": result}
        return self.control("POST", "/consents", body)

    def log_in(self, role: str, assets: list[str], **asked: str) -> str:
        """The token of a login through the dialog."""
        login = next(one["personal"] for one in self.world["accounts"] if one["role"] == role)
        back = self.app["redirect_uris"][0]
        values = {"client_id": self.app["id"], "redirect_uri": back, "state": "s", "response_type": "code", **asked}
        person = Person(self.world["base_url"], login["email"], login["password"])
        came = person.go(f"{self.world['base_url']}/v26.0/dialog/oauth?{urlencode(values)}", assets)
        code = parse_qs(urlsplit(came).query)["code"][0]
        client = {"client_id": self.app["id"], "client_secret": self.app["secret"], "redirect_uri": back}
        return str(self.graph("/oauth/access_token", "", "POST", code=code, **client)["access_token"])

    def make_assets(self) -> None:
        """Assets to lose: of the business (``spare``) and of the admin alone (``own``)."""
        self.spare: dict[str, str] = {}
        self.own: dict[str, str] = {}
        for kind in ("page", "ad_account"):
            body = {"type": kind, "name": f"Spare {kind}", "business": self.business}
            self.spare[kind] = self.control("POST", "/assets", body)["id"]
            body = {"type": kind, "name": f"Own {kind}", "owner": self.people["admin"]}
            self.own[kind] = self.control("POST", "/assets", body)["id"]

    def make_tokens(self) -> None:
        """A token of every kind of caller."""
        assets = [one["id"] for one in self.world["assets"]]
        self.make_admin_tokens()
        for role in ("employee", "second_employee"):
            self.tokens[role] = self.consent(self.people[role], assets)["access_token"]
        self.tokens["leaving"] = self.consent(self.people["partner_employee"], [])["access_token"]
        place = {"business": self.partner, "role": "ADMIN"}
        boss = self.control("POST", "/accounts", {"email": "boss@partner.example", "memberships": [place]})
        self.tokens["partner"] = self.consent(boss["id"], [self.partner])["access_token"]
        body = {"business": self.business, "app": self.app["id"], "scopes": SCOPES[3:], "assets": assets}
        self.tokens["system"] = self.control("POST", "/system_users", body)["access_token"]
        self.spare_token = self.control("POST", "/system_users", body)["access_token"]

    def make_admin_tokens(self) -> None:
        """Those of the admin and of a page of theirs. A later login chooses anew, so these come last."""
        assets = [one["id"] for one in self.world["assets"]]
        more = [*assets, *self.spare.values(), *self.own.values()]
        self.tokens["admin"] = self.consent(self.people["admin"], more)["access_token"]
        page = self.graph(f"/{self.ids['Page'][0]}", self.tokens["admin"], fields="access_token")
        self.tokens["page"] = page["access_token"]

    def make_logins(self) -> None:
        """What only the dialog makes: two shops of the extension, a system user of Login for Business."""
        for shop in ("shop-1", "shop-2"):
            setup = {"timezone": "Europe/Berlin", "currency": "EUR", "business_vertical": "ECOMMERCE"}
            about = {"setup": {"external_business_id": shop, **setup}, "repeat": False}
            extras = json.dumps({**about, "business_config": {"business": {"name": "Shop"}}})
            catalog = self.ids["ProductCatalog"]
            self.tokens["shop"] = self.log_in("admin", catalog, scope=SHOP, extras=extras, display="page")
        body = {"name": "Sales", "token": "system_user", "scopes": ["business_management", "pages_show_list"]}
        config = self.control("POST", f"/apps/{self.app['id']}/configurations", body)["id"]
        asked = {"config_id": config, "override_default_response_type": "true"}
        self.tokens["installed"] = self.log_in("admin", self.ids["Page"], **asked)

    def make_nodes(self) -> None:
        """What is made through the graph: a group, a system user, test users; and other apps."""
        admin, make = self.tokens["admin"], f"/{self.business}"
        self.ids["BusinessAssetGroup"] = [
            self.graph(f"{make}/business_asset_groups", admin, "POST", name=name)["id"] for name in ("Kept", "Gone")
        ]
        robot = self.graph(f"{make}/system_users", admin, "POST", name="Robot", role="EMPLOYEE")["id"]
        self.ids["SystemUser"] = [robot]
        self.graph(f"/{robot}/applications", admin, "POST", business_app=self.app["id"])
        users = [self.graph(f"/{self.app['id']}/accounts", self.tokens["app"], "POST") for _ in range(2)]
        self.test_users = [str(one["id"]) for one in users]
        apps = [
            self.control("POST", "/apps", {"name": name, "redirect_uris": ["https://a.example/b"]}) for name in "ABC"
        ]
        self.apps = [str(one["id"]) for one in apps]
        role = {"account": self.people["admin"], "role": "administrators"}
        self.control("POST", f"/apps/{self.apps[0]}/roles", role)
        clients = [self.control("POST", f"/apps/{one}/client", {}) for one in self.apps[1:]]
        self.clients = [str(one["registration_access_token"]) for one in clients]

    def make_grants(self) -> None:
        """The ids of two grants, and the token by which the app looks after them."""
        who = (self.app["id"], self.app["secret"])
        address, self.grants = self.world["base_url"] + "/oauth/token", []
        for role in ("employee", "second_employee"):
            form = {"grant_type": "refresh_token"}
            form["refresh_token"] = self.consent(self.people[role], [], "refresh")["refresh_token"]
            self.grants.append(httpx.post(address, data=form, auth=who, trust_env=False).json()["grant_id"])
        form = {"grant_type": "client_credentials", "scope": "grant_management_query grant_management_revoke"}
        self.tokens["keeper"] = httpx.post(address, data=form, auth=who, trust_env=False).json()["access_token"]

    def migrate(self) -> None:
        """One employee is past the cut-off, another in grace."""
        moving = [self.people["employee"], self.people["second_employee"]]
        migration = self.control("POST", "/migrations", {"business": self.business, "accounts": moving})["id"]
        self.control("POST", f"/migrations/{migration}/claims", {"account": self.people["second_employee"]})
        self.control("POST", "/clock", {"advance": "P30D"})
        self.control("POST", f"/migrations/{migration}/claims", {"account": self.people["employee"]})
        found = self.graph(f"/{self.app['id']}/reconnects", self.tokens["app"])["data"]
        seats = self.graph(f"/{self.business}/business_users", self.tokens["admin"])["data"]
        self.ids["BusinessUser"] = [str(one["id"]) for one in seats]
        self.links = [httpx.URL(one["login_url"]).params["reconnect"] for one in found]


def make_seeds(world: dict[str, Any]) -> Seeds:
    """Everything, in its order."""
    seeds = Seeds(world)
    seeds.make_assets()
    seeds.make_tokens()
    seeds.make_nodes()
    seeds.migrate()
    seeds.make_logins()
    seeds.make_grants()
    seeds.make_admin_tokens()
    seeds.ids["Account"] = list(seeds.people.values())
    return seeds
