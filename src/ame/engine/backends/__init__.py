"""What a command runs on: a process of this machine, or a container on it."""
