"""Services: the servers of Flower tasks, while they run."""
