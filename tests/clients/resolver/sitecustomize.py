"""Where no network namespace is to be had: the original names lead to RESOLVE_TO, in this process alone."""

import os
import socket
from typing import Any

_found = socket.getaddrinfo


def _look_up(host: Any, *rest: Any, **more: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    ours = isinstance(name, str) and name.endswith(".facebook.com")
    return _found(os.environ["RESOLVE_TO"] if ours else host, *rest, **more)


socket.getaddrinfo = _look_up
