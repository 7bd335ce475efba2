"""What a child says to the parent that started it, from both ends; imports nothing."""
