"""What steps tell while they run: their logs, their metrics and their progress."""
