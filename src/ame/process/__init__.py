"""To be stated by the package."""
