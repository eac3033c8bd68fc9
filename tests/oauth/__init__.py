"""Login and consent, through HTTP, on both engines."""
