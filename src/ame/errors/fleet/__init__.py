"""Of a fleet of devices: its server, its devices, what they say, and what is built for them."""
