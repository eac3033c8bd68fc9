"""Login and consent: the dialog, the token endpoint, signing in. Imports: ``web`` and below."""
