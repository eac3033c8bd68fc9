"""Rich authorization requests (RFC 9396) with the one type ``business_asset``: docs/protocols/authorization-details.md."""

from .details import TYPE, check_details, describe, describe_selected

__all__ = ["TYPE", "check_details", "describe", "describe_selected"]
