"""What outlives a run: lost runs found, data sets, artifacts brought back, old things cleared."""
