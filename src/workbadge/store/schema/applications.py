"""The tables of apps beyond their login: settings, roles, permissions, webhooks, test users."""
