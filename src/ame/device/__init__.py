"""A device of the fleet: it checks in, runs the plan that it is given, uploads, reports."""
