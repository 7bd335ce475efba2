"""Persistors: models of each framework in files, loaded at the beginning and saved by round."""
