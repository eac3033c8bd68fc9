"""A person in front of the login dialog, over plain HTTP forms: sign in, permissions, assets, review."""

from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx


class _Forms(HTMLParser):
    """Forms of a page with their inputs; ``boxes``: checkboxes by name."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[dict[str, object]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append({"action": given.get("action") or "", "values": [], "boxes": []})
        elif tag == "input" and self.forms and given.get("name"):
            pair = (given["name"], given.get("value") or "")
            if given.get("type") in ("checkbox", "radio"):
                self.forms[-1]["boxes"].append((pair, "checked" in given))  # type: ignore[attr-defined]
            else:
                self.forms[-1]["values"].append(pair)  # type: ignore[attr-defined]


class Person:
    """Somebody with a browser that knows forms. ``go`` walks a login until it leaves the server."""

    def __init__(self, base: str, email: str, password: str) -> None:
        self._base = base
        self._email = email
        self._password = password
        self.browser = httpx.Client(trust_env=False, timeout=20)

    def submit(self, page: httpx.Response, number: int, **fields: str | list[str]) -> httpx.Response:
        """Send a form of a page, its hidden inputs and ticked boxes included, with ``fields`` added."""
        parser = _Forms()
        parser.feed(page.text)
        form = parser.forms[number]
        pairs: list[tuple[str, str]] = [one for one in form["values"] if one[0] not in fields]  # type: ignore[attr-defined]
        pairs += [pair for pair, on in form["boxes"] if on and pair[0] not in fields]  # type: ignore[attr-defined]
        for name, value in fields.items():
            pairs += [(name, one) for one in (value if isinstance(value, list) else [value])]
        body = httpx.QueryParams(pairs)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        return self.browser.post(urljoin(str(page.url), str(form["action"])), content=str(body), headers=headers)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Follow redirects as long as they stay on the server; the last answer, or the one that leads away."""
        for _ in range(10):
            if answer.status_code not in (301, 302, 303):
                return answer
            target = urljoin(str(answer.url), answer.headers["location"])
            if urlsplit(target).netloc != urlsplit(self._base).netloc:
                return answer
            answer = self.browser.get(target)
        raise AssertionError("too many redirects")

    def sign_in(self, answer: httpx.Response) -> httpx.Response:
        """Fill the sign-in page in."""
        return self.follow(self.submit(answer, 0, email=self._email, password=self._password))

    def open(self, url: str) -> httpx.Response:
        """Open the dialog, signing in when asked: the permissions page, or the redirect that leads away."""
        page = self.follow(self.browser.get(url))
        if "/login" in str(page.url):
            page = self.sign_in(page)
        return page

    def go(self, url: str, assets: list[str] | None = None) -> str:
        """Allow everything that is asked, on ``assets``; the address that the app gets back."""
        page = self.open(url)
        if page.status_code == 200:
            page = self.submit(page, 0, action="next")
        if page.status_code == 200:
            chosen = [one.removeprefix("act_") for one in assets or []]
            page = self.submit(page, 0, action="next", target=chosen)
            assert page.status_code == 200, page.text
            page = self.submit(page, 0, action="allow")
        assert page.status_code == 303, (page.status_code, page.text[:2000])
        return str(page.headers["location"])
