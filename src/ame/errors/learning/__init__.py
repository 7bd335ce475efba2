"""Of learning together: arithmetic, jobs, scripts, simulations, Flower."""
