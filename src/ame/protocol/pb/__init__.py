"""Messages of the protocol, generated from `proto/`."""
