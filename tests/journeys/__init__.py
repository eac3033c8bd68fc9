"""Journeys: scripts with recorded transcripts, driven only through HTTP (``house.md`` 31)."""
