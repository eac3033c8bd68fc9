"""regrant: a library for app makers whose customers move to managed accounts.

Every name has two forms: ``Vault`` blocks, ``AsyncVault`` is awaited; they are one source (decision record 27).

May import: the standard library and what `kit/pyproject.toml` names. Never `workbadge`: an app maker installs this
beside an app, not beside the server, and it has to work against any Graph-compatible API (rule P5).
"""

from importlib.metadata import version as _installed_version

from regrant._async.storage import AsyncStorage
from regrant._async.vault import AsyncVault
from regrant._sync.storage import Storage
from regrant._sync.vault import Vault
from regrant.keys import KeyService, LocalKeys, VaultKeyError
from regrant.rows import Asset, Connection, Event, NotInVaultError, State, StoredToken
from regrant.secret import Secret
from regrant.tokens import AssetToken, WrongAssetError

__all__ = [
    "Asset",
    "AssetToken",
    "AsyncStorage",
    "AsyncVault",
    "Connection",
    "Event",
    "KeyService",
    "LocalKeys",
    "NotInVaultError",
    "Secret",
    "State",
    "Storage",
    "StoredToken",
    "Vault",
    "VaultKeyError",
    "WrongAssetError",
    "__version__",
]

__version__ = _installed_version("regrant")
