"""Flower tasks on demand: what is registered, who gets it, and the services that aggregate."""
