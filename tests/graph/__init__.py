"""The graph through HTTP, in the process, on both engines."""
