"""Worlds: the same server on its own database with its own clock, and the control API that moves it (S1, S2).

Imports: ``web`` and below. ``main`` hands it the function that makes an application.
"""
