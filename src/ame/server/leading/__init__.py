"""Leading tasks and rounds: what is due, by whom it is done, what is folded so far."""
