"""regrant: a library for app makers whose customers move to managed accounts.

May import: the standard library and what `kit/pyproject.toml` names. Never `workbadge`: an app maker installs this
beside an app, not beside the server, and it has to work against any Graph-compatible API (rule P5).
"""

from importlib.metadata import version as _installed_version

__all__ = ["__version__"]

__version__ = _installed_version("regrant")
