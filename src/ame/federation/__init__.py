"""Learning together: federated jobs."""
