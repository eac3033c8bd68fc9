"""A right call of every operation: what it needs to be answered with success, and what has to be there before.

The tool makes each once before it fuzzes (``walk``); the fuzzer then bends them (``fuzz_hooks``).
"""

import base64
import json
import re
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx

from .fuzz_world import Seeds

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@dataclass(frozen=True)
class Right:
    """One call. ``where``: of the path; ``values``: of the query, or of the body of a POST or PUT; ``credentials``: the header;
    ``before``: calls that make it possible again after it was made once."""

    path: str
    credentials: str = ""
    values: dict[str, Any] = field(default_factory=dict)
    is_json: bool = False
    before: tuple[tuple[str, "Right"], ...] = ()

    def send(self, client: httpx.Client, method: str) -> httpx.Response:
        """Make the call, without what has to be there before."""
        headers = {"authorization": self.credentials} if self.credentials else {}
        place = "params" if method in ("GET", "DELETE") else "json" if self.is_json else "data"
        return client.request(method, self.path, headers=headers, **{place: self.values})


def right_calls(seeds: Seeds) -> dict[str, Right]:
    """By method and path of the document."""
    bearer = {name: f"Bearer {token}" for name, token in seeds.tokens.items()}
    basic = "Basic " + base64.b64encode(f"{seeds.app['id']}:{seeds.app['secret']}".encode()).decode()
    return {**_of_login(seeds, basic, bearer), **_of_apps(seeds, bearer), **_of_businesses(seeds, bearer)}


def _of_login(seeds: Seeds, basic: str, bearer: dict[str, str]) -> dict[str, Right]:
    app, back = seeds.app, seeds.app["redirect_uris"][0]
    client = {"client_id": app["id"], "client_secret": app["secret"]}
    itself = {**client, "grant_type": "client_credentials"}
    asked = {"client_id": app["id"], "redirect_uri": back, "response_type": "code", "scope": "openid"}
    asked |= {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
    uris = {"redirect_uris": ["https://client.example/back"]}
    own = [f"/oauth/register/{one}" for one in seeds.apps[1:]]
    managing = [f"Bearer {one}" for one in seeds.clients]
    grants = [f"/oauth/grants/{one}" for one in seeds.grants]
    info = {"client_id": app["id"], "access_token": seeds.tokens["admin"]}
    return {
        "GET /oauth/access_token": Right("/oauth/access_token", "", itself),
        "POST /oauth/access_token": Right("/oauth/access_token", "", itself),
        "GET /oauth/access_token_info": Right("/oauth/access_token_info", "", info),
        "GET /oauth/revoke": Right("/oauth/revoke", "", {**client, "revoke_token": seeds.spare_token}),
        "GET /dialog/oauth": Right("/dialog/oauth", "", {"client_id": app["id"], "redirect_uri": back}),
        "GET /oauth/authorize": Right("/oauth/authorize", "", asked),
        "POST /oauth/authorize": Right("/oauth/authorize", "", asked),
        "POST /oauth/par": Right("/oauth/par", basic, asked),
        "POST /oauth/token": Right("/oauth/token", basic, {"grant_type": "client_credentials"}),
        "POST /oauth/introspect": Right("/oauth/introspect", basic, {"token": seeds.tokens["employee"]}),
        "POST /oauth/revoke_token": Right("/oauth/revoke_token", basic, {"token": "unknown"}),
        "POST /oauth/register": Right("/oauth/register", "", uris, True),
        "GET /oauth/register/{id}": Right(own[0], managing[0]),
        "PUT /oauth/register/{id}": Right(own[0], managing[0], {**uris, "client_id": seeds.apps[1]}, True),
        "DELETE /oauth/register/{id}": Right(own[1], managing[1]),
        "GET /oauth/grants/{id}": Right(grants[0], bearer["keeper"]),
        "DELETE /oauth/grants/{id}": Right(grants[1], bearer["keeper"]),
    }


def _of_apps(seeds: Seeds, bearer: dict[str, str]) -> dict[str, Right]:
    app, page = f"/{seeds.app['id']}", f"/{seeds.ids['Page'][0]}"
    hook = {"object": "user", "callback_url": seeds.receiver, "verify_token": "known", "fields": "email"}
    subscribe = Right(f"{app}/subscriptions", bearer["app"], hook)
    follow = Right(f"{page}/subscribed_apps", bearer["page"], {"subscribed_fields": "feed"})
    shop, gone = {"fbe_external_business_id": "shop-1"}, {"fbe_external_business_id": "shop-2"}
    by_shop, business = bearer["shop"], f"/{seeds.business}"
    swap = {"app_id": seeds.app["id"], "scope": "catalog_management,manage_business_extension", **shop}
    config = {**shop, "business_config": '{"business": {"name": "Shop"}}'}
    narrow = {"asset": json.dumps(seeds.ids["Page"][:1]), "scope": '["pages_show_list"]'}
    narrow["appsecret_proof"] = seeds.proof(seeds.tokens["installed"])
    users = seeds.test_users
    return {
        "POST /{id}/subscriptions": subscribe,
        "DELETE /{id}/subscriptions": Right(f"{app}/subscriptions", bearer["app"], before=(("POST", subscribe),)),
        "GET /{id}/subscribed_apps": Right(f"{page}/subscribed_apps", bearer["page"]),
        "POST /{id}/subscribed_apps": follow,
        "DELETE /{id}/subscribed_apps": Right(f"{page}/subscribed_apps", bearer["page"], before=(("POST", follow),)),
        "DELETE /{id}/accounts": Right(f"{app}/accounts", bearer["app"], {"uid": users[0]}),
        "DELETE /{id}/accounts/test-users": Right(f"{app}/accounts/test-users", bearer["app"], {"uid": users[1]}),
        "GET /fbe_business": Right("/fbe_business", by_shop, shop),
        "POST /fbe_business": Right("/fbe_business", by_shop, config),
        "GET /fbe_business/fbe_installs": Right("/fbe_business/fbe_installs", by_shop, shop),
        "DELETE /fbe_business/fbe_installs": Right("/fbe_business/fbe_installs", by_shop, gone),
        "GET /fbe_business/fbe_rollout_switches": Right("/fbe_business/fbe_rollout_switches", by_shop, shop),
        "POST /commerce_partner_integrations_repair": Right("/commerce_partner_integrations_repair", by_shop, shop),
        "POST /{id}/access_token": Right(f"{business}/access_token", by_shop, swap),
        "POST /{id}/system_user_access_tokens": Right(
            f"{business}/system_user_access_tokens", bearer["installed"], narrow
        ),
        "DELETE /me/permissions/{permission}": Right("/me/permissions/pages_manage_posts", bearer["leaving"]),
        "DELETE /{id}/permissions": Right("/me/permissions", bearer["leaving"], {"permission": "ads_read"}),
    }


def _of_businesses(seeds: Seeds, bearer: dict[str, str]) -> dict[str, Right]:
    admin, partner = bearer["admin"], bearer["partner"]
    business, page = f"/{seeds.business}", f"/{seeds.ids['Page'][0]}"
    robot, seat = seeds.ids["SystemUser"][0], seeds.ids["BusinessUser"][-1]
    group, old_group = (f"/{one}" for one in seeds.ids["BusinessAssetGroup"])
    lend = Right(f"{page}/agencies", admin, {"business": seeds.partner, "permitted_tasks": "ANALYZE"})
    assign = Right(f"{page}/assigned_users", admin, {"user": seat, "tasks": "ANALYZE", "business": seeds.business})
    install = Right(f"/{robot}/applications", admin, {"business_app": seeds.app["id"]})
    mint = {"business_app": seeds.app["id"], "scope": "pages_show_list"}
    mint["appsecret_proof"] = seeds.proof(seeds.tokens["admin"])
    tokens = Right(f"/{robot}/access_tokens", admin, mint, before=(("POST", install),))
    asked = {"permitted_tasks": "ANALYZE"}
    found = {
        "POST /": Right("/", admin, {"batch": '[{"method": "GET", "relative_url": "me?fields=id"}]'}),
        "GET /": Right("/", admin, {"ids": ",".join(seeds.ids["Page"])}),
        "GET /debug_token": Right("/debug_token", bearer["app"], {"input_token": seeds.tokens["employee"]}),
        "POST /{id}": Right(business, admin, {"name": "Harbour"}),
        "DELETE /{id}": Right(old_group, admin),
        "POST /{id}/agencies": lend,
        "DELETE /{id}/agencies": Right(
            f"{page}/agencies", admin, {"business": seeds.partner}, before=(("POST", lend),)
        ),
        "DELETE /{id}/clients": Right(
            f"/{seeds.partner}/clients", partner, {"business": seeds.business}, before=(("POST", lend),)
        ),
        "GET /{id}/assigned_users": Right(f"{page}/assigned_users", admin, {"business": seeds.business}),
        "POST /{id}/assigned_users": assign,
        "DELETE /{id}/assigned_users": Right(
            f"{page}/assigned_users", admin, {"user": seat, "business": seeds.business}, before=(("POST", assign),)
        ),
        "POST /{id}/applications": install,
        "POST /{id}/access_tokens": tokens,
        "DELETE /{id}/access_tokens": Right(
            f"/{robot}/access_tokens", admin, {"business_app": seeds.app["id"]}, before=(("POST", tokens),)
        ),
        "POST /{id}/business_users": Right(f"{business}/business_users", admin, {"email": "new@example.com"}),
        "POST /{id}/client_pages": Right(
            f"/{seeds.partner}/client_pages", partner, {"page_id": seeds.spare["page"], **asked}
        ),
        "POST /{id}/client_ad_accounts": Right(
            f"/{seeds.partner}/client_ad_accounts", partner, {"adaccount_id": seeds.ids["AdAccount"][0], **asked}
        ),
        "POST /{id}/owned_pages": Right(f"{business}/owned_pages", admin, {"page_id": seeds.own["page"]}),
        "POST /{id}/owned_ad_accounts": Right(
            f"{business}/owned_ad_accounts", admin, {"adaccount_id": seeds.own["ad_account"]}
        ),
        "DELETE /{id}/pages": Right(f"{business}/pages", admin, {"page_id": seeds.spare["page"]}),
        "DELETE /{id}/ad_accounts": Right(
            f"{business}/ad_accounts", admin, {"adaccount_id": seeds.spare["ad_account"]}
        ),
        "POST /{id}/owned_apps": Right(f"{business}/owned_apps", admin, {"app_id": seeds.apps[0]}),
        "POST /{id}/owned_businesses": Right(f"{business}/owned_businesses", admin, {"name": "Pier"}),
        "POST /{id}/system_users": Right(f"{business}/system_users", admin, {"name": "Other", "role": "EMPLOYEE"}),
        "POST /{id}/business_asset_groups": Right(f"{business}/business_asset_groups", admin, {"name": "Third"}),
    }
    for edge, kind in (
        ("contained_pages", "Page"),
        ("contained_adaccounts", "AdAccount"),
        ("contained_productcatalogs", "ProductCatalog"),
        ("contained_pixels", "AdsPixel"),
    ):
        put = Right(f"{group}/{edge}", admin, {"asset_id": seeds.ids[kind][0]})
        found[f"POST /{{id}}/{edge}"] = put
        found[f"DELETE /{{id}}/{edge}"] = Right(put.path, admin, put.values, before=(("POST", put),))
    return found


def complete(seeds: Seeds, document: dict[str, Any]) -> dict[str, Right]:
    """A call for each operation of the document: those above; for the rest, a node of the type that the operation names."""
    found = right_calls(seeds)
    for path, methods in document["paths"].items():
        for method, one in methods.items():
            found.setdefault(f"{method.upper()} {path}", _plain(seeds, path, one))
    return found


def _plain(seeds: Seeds, path: str, one: dict[str, Any]) -> Right:
    says = one.get("description", "")
    types = [name for name in re.findall(r"\w+", says) if name in seeds.ids] if says.startswith(("O", "A")) else []
    kind = next(iter(types), "Page")
    token = seeds.tokens["app" if kind == "Application" else "admin"]
    content = one.get("requestBody", {}).get("content", {})
    needed = next(iter(content.values()))["schema"]["required"] if content else []
    return Right(path.replace("{id}", seeds.ids[kind][0]), f"Bearer {token}", dict.fromkeys(needed, "A text"))


def walk(client: httpx.Client, calls: dict[str, Right]) -> dict[str, httpx.Response]:
    """Make each call; the answers, in the order in which they were made: what ends something comes last."""
    last = ("DELETE", "GET /oauth/revoke")
    answers = {}
    for key in sorted(calls, key=lambda one: (one.startswith(last), one)):
        right = calls[key]
        for method, before in right.before:
            for earlier, first in before.before:
                first.send(client, earlier)
            before.send(client, method)
        answers[key] = right.send(client, key.partition(" ")[0])
    return answers


def as_known(calls: dict[str, Right]) -> dict[str, Any]:
    """The calls as plain values, for another process."""
    return {key: asdict(one) for key, one in calls.items()}
