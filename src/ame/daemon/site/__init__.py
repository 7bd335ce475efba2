"""A site: asks a server for Flower tasks, and runs those that its owner allows."""
