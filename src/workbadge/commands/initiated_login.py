"""A login that starts here and goes on at an app (OpenID Connect Core §4): the Reconnect link and the way out of a mobile app."""

from urllib.parse import quote


def start_at_app(login_uri: str, issuer: str) -> str:
    """Where an app's own login starts, told who sends the person: its address with ``iss``; what else it has in its query
    stays. An ``iss`` of its own gives way: the parameter is there once."""
    address, mark, fragment = login_uri.partition("#")
    path, _, query = address.partition("?")
    kept = [one for one in query.split("&") if one and one.partition("=")[0] != "iss"]
    return f"{path}?{'&'.join([*kept, 'iss=' + quote(issuer, safe='')])}{mark}{fragment}"
