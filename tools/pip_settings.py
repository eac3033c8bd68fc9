"""Print the user's own pip settings as shell exports for uv, which reads other names.

Runs before anything is installed, with ``python3 tools/pip_settings.py <pip wheel>``: standard library only. A mirror,
further indexes, folders of wheels, trusted hosts and a proxy that pip would use are used by uv as well; what the user
has set for uv itself wins. Nothing is printed where pip has no settings.
"""

import ast
import os
import shlex
import subprocess
import sys

UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "proxy": "ALL_PROXY",
}


def pip_settings(listing: str) -> dict[str, str]:
    """What ``pip config list`` says, by option: the environment wins over ``install``, that over ``global``."""
    ranks = {"global": 0, "install": 1, ":env:": 2}
    found: dict[str, tuple[int, str]] = {}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        section, _, option = name.rpartition(".")
        if not equals or section not in ranks:
            continue
        words = " ".join(str(ast.literal_eval(value)).split())
        if words and ranks[section] >= found.get(option, (-1, ""))[0]:
            found[option] = (ranks[section], words)
    return {option: value for option, (_, value) in found.items()}


def exports(settings: dict[str, str], environment: dict[str, str]) -> list[str]:
    """Lines for a shell. Folders of wheels that are not there are left out, since uv refuses them and pip does not."""
    lines = []
    for option, variable in UV_NAMES.items():
        value = settings.get(option, "")
        if option == "find-links":
            value = " ".join(one for one in value.split() if "://" in one or os.path.exists(one))
            value = value.replace(" ", ",")
        if value and variable not in environment:
            lines.append(f"export {variable}={shlex.quote(value)}")
    return lines


if __name__ == "__main__":
    listing = subprocess.run(
        [sys.executable, f"{sys.argv[1]}/pip", "config", "list"], capture_output=True, text=True, check=False
    )
    print("\n".join(exports(pip_settings(listing.stdout), dict(os.environ))))
