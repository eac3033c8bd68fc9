"""Where signing in happens: the address of the sign-in page, and which addresses it may lead back to (OA-54, WB-24)."""

from urllib.parse import quote, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response

from .pages import security_headers


def safe_next(path: str | None, fallback: str = "/console") -> str:
    """``path`` when it is a path of this site, else ``fallback``. Nothing that a browser could read as another host passes."""
    if not path or not path.startswith("/") or path.startswith(("//", "/\\")):
        return fallback
    if any(ord(letter) < 33 or letter == "\\" for letter in path) or len(path) > 8000:
        return fallback
    parts = urlsplit(path)
    return fallback if parts.scheme or parts.netloc else path


def login_address(request: Request, back: str | None, another: bool = False) -> str:
    """The sign-in page, leading back to ``back`` (a path of this site without the base path)."""
    query = {"next": back} if back else {}
    if another:
        query["another"] = "1"
    root = request.scope.get("root_path", "")
    return f"{root}/login" + (f"?{urlencode(query)}" if query else "")


def redirect(address: str) -> Response:
    """303 to ``address``, stored nowhere and without a referrer (OA-52, OA-53)."""
    location = quote(address, safe=":/%#?=@[]!$&'()*+,;")
    return Response(status_code=303, headers={**security_headers(), "location": location})
