"""What is kept on this machine: artifacts, data sets, secrets, and room made again."""
