"""Logging out at the wish of an app (OpenID Connect RP-Initiated Logout 1.0); apps are told by ``commands.logout``."""

from .end_session import CONFIRM, PATH, confirm_logout, end_session

__all__ = ["CONFIRM", "PATH", "confirm_logout", "end_session"]
