"""Trainers of other libraries, patched so that each training is a round of a federated job."""
