"""What runs in a worker: scripts and executors of several sites, one at a time."""
