"""Learning without a server in the middle: sites hand models to one another.

The server says who takes part, and follows what sites tell of themselves. Models go from site to
site in messages; none of these waits for an answer, so no two sites can wait for each other.
"""
