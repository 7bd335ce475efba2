"""From the sum of a round's updates to what the weights follow: a mean, with noise or without.

Clipping is the clients' work, to a norm that the server sends; noise is added here, in the server's
graph. The arithmetic is that of TensorFlow Privacy's queries, and so are the names in the state, so
that checkpoints pass from one to the other.
"""
