"""What users of federated jobs subclass and pass, under NVIDIA FLARE's names.

Each module is imported by its own name; this one imports none.
"""
