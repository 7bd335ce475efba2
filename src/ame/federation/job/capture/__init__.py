"""Objects as parts of a job: their arguments, code and weights."""
