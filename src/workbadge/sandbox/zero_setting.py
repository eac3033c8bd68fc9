"""Zero-setting mode (S5, ``wire.md`` §7.7): what a product with hard-coded addresses needs to run against a world unchanged.

A folder with a certificate for the original hosts, lines for a hosts file, and the variables by which clients trust it.
Only for testing software one owns: docs/guides/zero-setting.md.
"""

import os
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from workbadge.keys.certificates import ends_at, make_certificates, names_of

HOSTS = ("graph.facebook.com", "www.facebook.com")
"""The hosts that the wire needs (``wire.md`` §3.0)."""

_HOSTS_FILE = """\
# Workbadge's zero-setting mode. For the hosts file of a container or network namespace of its own, never of a machine
# that people use: whoever reads these lines no longer reaches the real hosts.
{address} {names}
"""
_ENVIRONMENT = """\
# For the process of the product under test, and for no other.
export REQUESTS_CA_BUNDLE='{bundle}'   # Python clients on requests
export SSL_CERT_FILE='{bundle}'        # Python clients on httpx, and what uses OpenSSL's defaults
export NODE_EXTRA_CA_CERTS='{authority}'   # Node.js
"""


class ZeroSettingError(Exception):
    """The folder cannot be used; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the files of the mode are."""

    path: Path

    @property
    def authority(self) -> Path:
        """What Node clients are told to trust beside what they trust already."""
        return self.path / "ca.pem"

    @property
    def bundle(self) -> Path:
        """The same, with what this machine trusts: for variables that replace the list."""
        return self.path / "bundle.pem"

    @property
    def chain(self) -> Path:
        """What the server presents."""
        return self.path / "server.pem"

    @property
    def key(self) -> Path:
        """The server's key, mode 0600."""
        return self.path / "server.key"

    @property
    def hosts(self) -> Path:
        """Lines for a hosts file."""
        return self.path / "hosts"

    @property
    def environment(self) -> Path:
        """A shell's exports."""
        return self.path / "environment.sh"


def write_folder(path: Path, names: Sequence[str], address: str, now: datetime, life: timedelta) -> Folder:
    """Make everything anew in ``path``, an absolute folder that is made when missing. ``address``: of the server."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder, made = Folder(path), make_certificates(names, now, life)
    folder.key.unlink(missing_ok=True)
    handle = os.open(folder.key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(made.key)
    folder.chain.write_text(made.chain)
    folder.authority.write_text(made.authority)
    folder.bundle.write_text(_trusted_here() + made.authority)
    folder.hosts.write_text(_HOSTS_FILE.format(address=address, names=" ".join(names)))
    folder.environment.write_text(_ENVIRONMENT.format(bundle=folder.bundle, authority=folder.authority))
    return folder


def _trusted_here() -> str:
    """The certificates that this machine trusts, as far as they stand in one file."""
    file = ssl.get_default_verify_paths().cafile
    if file is None or not Path(file).is_file():
        return ""
    text = Path(file).read_text(errors="replace")
    return text if text.endswith("\n") else text + "\n"


def read_names(folder: Folder, now: datetime) -> frozenset[str]:
    """The hosts for which a folder was made. Raises ZeroSettingError when it was not, or has run out."""
    try:
        text = folder.chain.read_text()
        names, ends = names_of(text), ends_at(text)
    except (OSError, ValueError) as error:
        raise ZeroSettingError(f"expected the files of `workbadge zero-setting` in {folder.path}") from error
    if not folder.key.is_file():
        raise ZeroSettingError(f"expected {folder.key} beside {folder.chain}: run `workbadge zero-setting` again")
    if ends <= now:
        raise ZeroSettingError(f"the certificate in {folder.path} has run out: run `workbadge zero-setting` again")
    return frozenset(names)
