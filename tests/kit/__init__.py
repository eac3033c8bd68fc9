"""Tests of regrant: its two forms, on both engines, against a real sandbox."""
