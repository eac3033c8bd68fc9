"""Settings: one Struct, from a TOML file and from the environment. Few on purpose; each stands in docs/settings.md."""

import base64
import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from workbadge.commands.services import Policy
from workbadge.keys import Entropy
from workbadge.web.domain_proofs import read_resolvers
from workbadge.web.limits import Rates

PREFIX = "WORKBADGE_"


class ConfigError(Exception):
    """The settings cannot be used; the message says which and what was expected."""


class Config(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Every setting with its default. The environment (``WORKBADGE_DATABASE`` …) wins over the file."""

    database: str = "sqlite:///workbadge.db"
    base_url: str = "http://127.0.0.1:8000"
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    key_file: str = "workbadge.key"
    smtp: str = ""
    mail_from: str = "Workbadge <workbadge@localhost>"
    grace_days: float = 30.0
    extension_limit_days: float = 90.0
    mobile_managed_login: bool = False
    allow_private_webhooks: bool = False
    limit_app: int = 10_000_000
    limit_app_user: int = 200
    limit_user: int = 5_000_000
    limit_asset: int = 5_000_000
    limit_business: int = 5_000_000
    limit_writes: int = 100_000
    limit_scim: int = 3_000
    open_registration: bool = False
    clock_skew_seconds: float = 1.0
    dns_resolvers: str = ""

    def policy(self) -> Policy:
        """The numbers that commands work with."""
        return Policy(
            grace=timedelta(days=self.grace_days),
            extension_limit=timedelta(days=self.extension_limit_days),
            mobile_managed_login=self.mobile_managed_login,
            open_registration=self.open_registration,
        )

    def clock_skew(self) -> timedelta:
        """How far a node's clock may be from the database's."""
        return timedelta(seconds=self.clock_skew_seconds)

    def rates(self) -> Rates:
        """What may be asked in an hour; each process of this machine enforces its share."""
        return Rates(
            self.limit_app,
            self.limit_app_user,
            self.limit_user,
            self.limit_asset,
            self.limit_business,
            self.limit_writes,
            max(1, self.workers),
        )

    def scim_pace(self) -> int:
        """What one organization's directory may ask of one process in a minute."""
        return max(1, self.limit_scim // max(1, self.workers)) if self.limit_scim else 0


def load_config(path: Path | None, environment: dict[str, str] | None = None) -> Config:
    """Settings from ``path`` (optional) and the environment. Raises ConfigError."""
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text())
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(f"expected a readable TOML file at {path}: {error}") from error
    given = os.environ if environment is None else environment
    for field in msgspec.structs.fields(Config):
        text = given.get(PREFIX + field.name.upper())
        if text is not None:
            data[field.name] = text
    try:
        config = msgspec.convert(data, Config, strict=False)
    except msgspec.ValidationError as error:
        known = ", ".join(field.name for field in msgspec.structs.fields(Config))
        raise ConfigError(f"a setting is wrong: {error}. Known settings: {known}") from error
    try:
        read_resolvers(config.dns_resolvers)
    except ValueError as error:
        raise ConfigError(f"dns_resolvers: {error}") from error
    if config.base_url.endswith("/") or not config.base_url.startswith(("http://", "https://")):
        raise ConfigError(f"base_url: expected http(s)://host without a trailing slash, got {config.base_url!r}")
    if config.grace_days <= 0 or config.extension_limit_days < config.grace_days:
        raise ConfigError("grace_days must be above 0 and extension_limit_days not below grace_days")
    if not 0.05 <= config.clock_skew_seconds <= 60:
        raise ConfigError(f"clock_skew_seconds: expected 0.05 to 60 seconds, got {config.clock_skew_seconds}")
    for name in (
        "limit_app",
        "limit_app_user",
        "limit_user",
        "limit_asset",
        "limit_business",
        "limit_writes",
        "limit_scim",
    ):
        if getattr(config, name) < 0:
            raise ConfigError(
                f"{name}: expected a number of calls an hour, or 0 for no limit, got {getattr(config, name)}"
            )
    return config


def load_keys(path: Path, entropy: Entropy) -> dict[str, bytes]:
    """Sealing keys from a file of lines ``id:base64`` (newest first); the file is made, mode 0600, when missing."""
    if not path.exists():
        line = f"k1:{base64.b64encode(entropy.bytes(32)).decode()}\n"
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(line)
    keys: dict[str, bytes] = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        key_id, colon, text = line.strip().partition(":")
        if not line.strip():
            continue
        try:
            key = base64.b64decode(text, validate=True)
        except ValueError:
            key = b""
        if not colon or not key_id.isalnum() or len(key) != 32:
            raise ConfigError(f"{path}, line {number}: expected id:base64 of 32 bytes")
        keys[key_id] = key
    if not keys:
        raise ConfigError(f"{path}: expected at least one line id:base64")
    return keys
