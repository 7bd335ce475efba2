"""Machine-learning tasks on a laptop, on a cluster, over a fleet of devices."""
