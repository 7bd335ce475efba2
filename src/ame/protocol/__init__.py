"""What the parts of a fleet say to one another: messages, tensors, calls and their wires."""
