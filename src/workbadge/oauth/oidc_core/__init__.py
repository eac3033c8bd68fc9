"""OpenID Connect Core 1.0: prompts, ID tokens, user information."""
