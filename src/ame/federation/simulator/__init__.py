"""Sites in a few processes of this machine, for trying a federated job out."""
