"""What a task tells the daemon that started it. Needs nothing but the standard library."""
