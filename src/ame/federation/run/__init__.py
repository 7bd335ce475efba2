"""Leading a job on its server, and doing its tasks on a site."""
