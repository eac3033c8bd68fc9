"""Inside the namespace of test_zero_setting.py: a sandbox that stands in for the original hosts, and clients as released.

Not one line of a client is changed and no address is set: names lead here, and the variables of environment.sh make TLS
trust it. Prints one line of JSON: what each client saw. Arguments: folder, address of the server.
"""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import facebook
import httpx
import httpx_oauth.clients.facebook
import requests
from requests_oauthlib import OAuth2Session
from requests_oauthlib.compliance_fixes import facebook_compliance_fix

from tests._dialog import Person
from tests._sandbox import Sandbox, running_sandbox

CALLBACK = "http://localhost:9/callback"
JS = Path(__file__).parent / "js"
SCOPES = ["public_profile", "email", "pages_show_list", "pages_read_engagement"]


def person(sandbox: Sandbox, role: str) -> Person:
    """Somebody whose browser trusts the throw-away authority."""
    login = sandbox.account(role)["personal"]
    found = Person("https://www.facebook.com", login["email"], login["password"])
    trusted = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    found.browser = httpx.Client(verify=trusted, trust_env=False, timeout=20)
    return found


def code(address: str) -> str:
    """The code in a redirect address."""
    return parse_qs(urlsplit(address).query)["code"][0]


def facebook_sdk(sandbox: Sandbox) -> dict[str, Any]:
    """Login, pages by cursor and by ``next`` as given, errors (§7.1)."""
    app, pages = sandbox.about["app"], [one["id"] for one in sandbox.about["assets"] if one["type"] == "page"]
    graph = facebook.GraphAPI(version="3.1")
    address = graph.get_auth_url(app["id"], CALLBACK, SCOPES)
    back = person(sandbox, "employee").go(address, pages)
    token = graph.get_access_token_from_code(code(back), CALLBACK, app["id"], app["secret"])["access_token"]
    graph = facebook.GraphAPI(token, version="3.1")
    first = graph.get_connections("me", "accounts", limit=1)
    link, given = first["paging"]["next"], [one["id"] for one in first["data"]]
    while link:
        answer = requests.get(link, timeout=20).json()
        given += [one["id"] for one in answer["data"]]
        link = answer.get("paging", {}).get("next")
    try:
        facebook.GraphAPI("EAAgarbage", version="3.1").get_object("me")
        refused = 0
    except facebook.GraphAPIError as error:
        refused = error.code
    return {
        "login": address.partition("?")[0],
        "name": graph.get_object("me")["name"],
        "by_cursor": sorted(one["id"] for one in graph.get_all_connections("me", "accounts", limit=1)) == sorted(pages),
        "by_link": sorted(given) == sorted(pages),
        "next": first["paging"]["next"].partition("?")[0],
        "refused": refused,
        "token": token,
    }


def foreign_host(token: str) -> str:
    """Where ``next`` leads when a request names a host that was not listed."""
    headers = {"Host": "graph.example"}
    address = f"https://graph.facebook.com/me/accounts?limit=1&access_token={token}"
    return str(requests.get(address, headers=headers, timeout=20).json()["paging"]["next"]).partition("?")[0]


def without_trust() -> str:
    """What happens when the client is not told whom to trust."""
    kept = os.environ.pop("REQUESTS_CA_BUNDLE")
    try:
        requests.get("https://graph.facebook.com/me", timeout=20)
        return "accepted"
    except requests.exceptions.SSLError:
        return "refused"
    finally:
        os.environ["REQUESTS_CA_BUNDLE"] = kept


def requests_oauthlib(sandbox: Sandbox) -> str:
    """The published addresses, https (§7.6)."""
    app = sandbox.about["app"]
    session = facebook_compliance_fix(OAuth2Session(app["id"], redirect_uri=CALLBACK, scope=["email"]))
    address, _ = session.authorization_url("https://www.facebook.com/dialog/oauth")
    back = person(sandbox, "admin").go(address)
    access = "https://graph.facebook.com/oauth/access_token"
    session.fetch_token(access, client_secret=app["secret"], authorization_response=back.replace("http:", "https:", 1))
    return str(session.get("https://graph.facebook.com/me").json()["name"])


def httpx_oauth_client(sandbox: Sandbox) -> str:
    """The module's own constants, trusted through SSL_CERT_FILE (§7.5)."""
    app = sandbox.about["app"]

    async def walk() -> str:
        client = httpx_oauth.clients.facebook.FacebookOAuth2(app["id"], app["secret"])
        address = await client.get_authorization_url(CALLBACK, state="x", scope=["email", "public_profile"])
        back = await asyncio.to_thread(person(sandbox, "second_employee").go, address)
        token = await client.get_access_token(code(back), CALLBACK)
        _, email = await client.get_id_email(token["access_token"])
        return str(email)

    return asyncio.run(walk())


def passport_facebook(sandbox: Sandbox, token: str) -> dict[str, Any]:
    """The strategy's own addresses, errors, and a plain Node client that follows ``next`` (§7.2)."""
    node = shutil.which("node")
    assert node is not None
    home = "http://localhost:8099"
    app = sandbox.control("POST", "/apps", {"name": "A site", "redirect_uris": [f"{home}/callback"]})
    environment = {**os.environ, "APP_ID": app["id"], "APP_SECRET": app["secret"]}
    site = subprocess.Popen([node, str(JS / "site.js"), "8099"], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert site.stdout is not None
        assert site.stdout.readline().strip() == "ready"
        address = httpx.get(f"{home}/login", trust_env=False).headers["location"]
        back = person(sandbox, "employee").go(address)
        user = httpx.get(back, trust_env=False, timeout=20).json()
        error = httpx.get(f"{home}/callback?code=nonsense", trust_env=False, timeout=20).json()
    finally:
        site.terminate()
        site.wait(10)
    pages = subprocess.run(
        [node, str(JS / "pages.js"), token], env=environment, capture_output=True, text=True, timeout=60
    )
    return {
        "login": address.partition("?")[0],
        "name": user.get("name"),
        "error": [error["name"], error["code"]],
        "pages": json.loads(pages.stdout or "null") or pages.stderr,
    }


def main(folder: str, address: str) -> None:
    """Everything, one after the other."""
    callbacks = ("--redirect-uri", CALLBACK)
    with running_sandbox("--zero-setting", folder, "--tls-address", address, *callbacks) as sandbox:
        seen: dict[str, Any] = {"base": sandbox.base, "about": sandbox.about["zero_setting"]}
        seen["facebook_sdk"] = facebook_sdk(sandbox)
        token = seen["facebook_sdk"]["token"]
        seen["foreign_host"], seen["without_trust"] = foreign_host(token), without_trust()
        seen["requests_oauthlib"], seen["httpx_oauth"] = requests_oauthlib(sandbox), httpx_oauth_client(sandbox)
        seen["passport_facebook"] = passport_facebook(sandbox, token)
    print(json.dumps(seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
