"""How orders reach sites and replies come back."""
