"""Signing in without a password: applications registered at an identity provider, consents, access tokens."""
