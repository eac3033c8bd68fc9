"""Provisioning by directories, over HTTP."""
