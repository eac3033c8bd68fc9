"""What an organization's directory said by SCIM: credentials, resources, the log of requests."""
