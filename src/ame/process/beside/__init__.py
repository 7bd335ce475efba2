"""The processes that a Supervisor has beside it, keeper and slots, and our ends of them."""
