"""Signing in through organizations' identity providers."""
