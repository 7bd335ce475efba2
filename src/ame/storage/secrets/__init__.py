"""Secrets kept in a file of the state folder, encrypted, and the key to them."""

from ame.storage.secrets.encrypted import EncryptedSecrets

__all__ = ["EncryptedSecrets"]
