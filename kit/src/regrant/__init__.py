"""regrant: a library for app makers whose customers move to managed accounts.

Every name has two forms: ``Vault`` blocks, ``AsyncVault`` is awaited; they are one source (decision record 27).

May import: the standard library and what `kit/pyproject.toml` names. Never `workbadge`: an app maker installs this
beside an app, not beside the server, and it has to work against any Graph-compatible API (rule P5).
"""

from importlib.metadata import version as _installed_version

from regrant._async.client import AsyncClient
from regrant._async.hooks import AsyncHooks
from regrant._async.logins import AsyncLogins
from regrant._async.monitor import AsyncMonitor
from regrant._async.repair import AsyncRepair
from regrant._async.storage import AsyncStorage
from regrant._async.vault import AsyncVault
from regrant._sync.client import Client
from regrant._sync.hooks import Hooks
from regrant._sync.logins import Logins
from regrant._sync.monitor import Monitor
from regrant._sync.repair import Repair
from regrant._sync.storage import Storage
from regrant._sync.vault import Vault
from regrant.answers import App, Inspection, NewToken, Node, Op, Page, Person
from regrant.errors import Action, GraphError, Reason
from regrant.keys import KeyService, LocalKeys, VaultKeyError
from regrant.logins import Begun, Finished, LoginError, LoginReason
from regrant.messages import HookError, Told
from regrant.outcomes import Outcome, Report, Result, TokenRefusedError
from regrant.rounds import Change, Round
from regrant.rows import Asset, Connection, Event, NotInVaultError, State, StoredToken
from regrant.secret import Secret
from regrant.tokens import AssetToken, WrongAssetError
from regrant.usage import Usage

__all__ = [
    "Action",
    "App",
    "Asset",
    "AssetToken",
    "AsyncClient",
    "AsyncHooks",
    "AsyncLogins",
    "AsyncMonitor",
    "AsyncRepair",
    "AsyncStorage",
    "AsyncVault",
    "Begun",
    "Change",
    "Client",
    "Connection",
    "Event",
    "Finished",
    "GraphError",
    "HookError",
    "Hooks",
    "Inspection",
    "KeyService",
    "LocalKeys",
    "LoginError",
    "LoginReason",
    "Logins",
    "Monitor",
    "NewToken",
    "Node",
    "NotInVaultError",
    "Op",
    "Outcome",
    "Page",
    "Person",
    "Reason",
    "Repair",
    "Report",
    "Result",
    "Round",
    "Secret",
    "State",
    "Storage",
    "StoredToken",
    "TokenRefusedError",
    "Told",
    "Usage",
    "Vault",
    "VaultKeyError",
    "WrongAssetError",
    "__version__",
]

__version__ = _installed_version("regrant")
