"""Rendering without a browser: escaping, base path, headers, words, static files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jinja2 import TemplateNotFound, UndefinedError
from starlette.requests import Request
from starlette.testclient import TestClient

from workbadge.web import text
from workbadge.web.pages import (
    Pages,
    form_action_source,
    security_headers,
    static_digest,
)

from .gallery.app import BASE, PAGES, application

NOW = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
client = TestClient(application)


def _request(root: str = "/w/1") -> Request:
    return Request(
        {
            "type": "http",
            "method": "GET",
            "path": f"{root}/x",
            "root_path": root,
            "headers": [],
            "workbadge.now": NOW,
        }
    )


def _pages(folder: Path, source: str) -> Pages:
    (folder / "page.html").write_text(source)
    return Pages({"probe": folder})


@pytest.mark.parametrize("path", sorted(PAGES))
def test_every_page_is_free_of_inline_code(path: str) -> None:
    """Every page is free of inline style and script, and each of its addresses carries the base path."""
    body = client.get(BASE + path).text
    assert " style=" not in body and "<style" not in body and "<script>" not in body and " onclick" not in body
    for attribute in ('href="/', 'src="/', 'action="/', 'hx-get="/'):
        for tail in body.split(attribute)[1:]:
            assert ("/" + tail).startswith(BASE), tail[:60]


def test_values_are_escaped(tmp_path: Path) -> None:
    """What a person typed is text, also inside macros and attributes."""
    pages = _pages(
        tmp_path,
        "{{ ui.field('a', x, value=x) }}{{ ui.identity(x, x) }}{{ ui.copy(x) }}",
    )
    body = bytes(pages.render(_request(), "probe/page.html", x='"><img src=x>@"').body).decode()
    assert "<img" not in body and body.count("&#34;&gt;&lt;img") == 5


def test_an_unknown_variable_is_an_error(tmp_path: Path) -> None:
    """A variable that nobody passed is an error; an option that a dict lacks is not."""
    with pytest.raises(UndefinedError):
        _pages(tmp_path, "{{ nothing }}").render(_request(), "probe/page.html")
    pages = _pages(tmp_path, "{% if x.icon %}yes{% else %}no{% endif %}")
    assert pages.render(_request(), "probe/page.html", x={}).body == b"no"


@pytest.mark.parametrize("name", ["probe/../secret.html", "probe//x.html", "../x.html", "no_room/x.html"])
def test_templates_stay_in_their_rooms(name: str, tmp_path: Path) -> None:
    """A template's name cannot lead out of the room's folder."""
    with pytest.raises(TemplateNotFound):
        Pages({"probe": tmp_path}).render(_request(), name)


def test_a_fragment_is_one_block(tmp_path: Path) -> None:
    """A fragment is exactly one block, with macros at hand."""
    pages = _pages(tmp_path, "before{% block rows %}{{ ui.badge(word) }}{% endblock %}after")
    body = bytes(pages.render_fragment(_request(), "probe/page.html", "rows", word="Admin").body).decode()
    assert "Admin" in body and "before" not in body and "after" not in body


def test_addresses_carry_the_base_path(tmp_path: Path) -> None:
    """``url`` adds the base path and the query, and leaves absolute addresses alone."""
    pages = _pages(tmp_path, "{{ url('/a', q='x y', none=None) }} {{ url('https://b.example/') }}")
    assert pages.render(_request(), "probe/page.html").body == b"/w/1/a?q=x+y https://b.example/"


def test_the_policy_is_strict() -> None:
    """The policy has no unsafe-*; a form may lead to the app's origin or scheme only where asked for."""
    plain = security_headers()["content-security-policy"]
    assert "unsafe" not in plain and "form-action 'self';" in plain and "frame-ancestors 'none'" in plain
    wide = security_headers(form_action=["https://app.example:8443/cb?x=1", "com.example.app://done"])
    assert "form-action 'self' com.example.app: https://app.example:8443;" in wide["content-security-policy"]
    assert security_headers()["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "bad",
    [
        "/relative",
        "https://",
        "https://a b/",
        "https://a;script-src *",
        "java script:x",
        "",
    ],
)
def test_a_policy_cannot_be_injected(bad: str) -> None:
    """An address without a clean origin is refused, so that it cannot add directives."""
    with pytest.raises(ValueError):
        form_action_source(bad)


def test_static_files_are_kept_for_ever_under_their_digest() -> None:
    """Static files are immutable under the current digest, served unkept under another, and nothing else is served."""
    kept = client.get(f"{BASE}/static/{static_digest()}/app.css")
    assert kept.status_code == 200 and "immutable" in kept.headers["cache-control"]
    assert client.get(f"{BASE}/static/avatar.svg").headers["cache-control"] == "no-cache"
    assert client.get(f"{BASE}/static/000000000000/app.css").headers["cache-control"] == "no-cache"
    assert client.get(f"{BASE}/static/{static_digest()}/../pages.py").status_code == 404
    assert client.get(f"{BASE}/static/{static_digest()}/vendor/MANIFEST.toml").status_code == 404
    assert client.post(f"{BASE}/static/{static_digest()}/app.css").status_code == 405


@pytest.mark.parametrize(
    ("left", "shown"),
    [
        (timedelta(days=30), (30, "days left", "calm")),
        (timedelta(days=29, microseconds=1), (30, "days left", "calm")),
        (timedelta(days=7), (7, "days left", "soon")),
        (timedelta(days=3), (3, "days left", "urgent")),
        (timedelta(days=1), (24, "hours left", "urgent")),
        (timedelta(hours=1), (60, "minutes left", "urgent")),
        (timedelta(seconds=1), (1, "minute left", "urgent")),
        (timedelta(0), (0, "days left", "over")),
        (timedelta(days=-4), (0, "days left", "over")),
    ],
)
def test_the_countdown_rounds_up(left: timedelta, shown: tuple[int, str, str]) -> None:
    """The countdown rounds up and says zero from the cut-off on."""
    found = text.time_left(NOW + left, NOW)
    assert (found.number, found.unit, found.tone) == shown


def test_words() -> None:
    """Dates, numbers, names and foreign addresses are said as the guide says."""
    assert text.relative_text(NOW - timedelta(hours=3), NOW) == "3 hours ago"
    assert text.relative_text(NOW + timedelta(days=1), NOW) == "in 1 day"
    assert text.relative_text(NOW - timedelta(days=90), NOW) == "26 Aug 2026"
    assert text.moment_text(NOW) == "24 Nov 2026, 14:05 UTC"
    assert text.count(1, "app") == "1 app" and text.count(12345, "app") == "12\u202f345 apps"
    assert (
        text.initials("ada  lovelace-king") == "AL" and text.initials("李 明") == "李明" and text.initials("—") == "?"
    )
    assert text.safe_href("javascript:alert(1)") == "" and text.safe_href("https://[") == ""
    assert str(text.breakable("a@b.example")) == "a<wbr>@b.example"
