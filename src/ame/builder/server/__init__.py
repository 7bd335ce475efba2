"""The server's half of a plan: its state, and the graphs that move it from round to round.

`learning` tells what a round does to the state; `phase` and `phase_v2` make graphs of that, in the
two forms of a plan; `plan` puts a plan together. TensorFlow is imported by all but `state`.
"""
