"""How a device reaches its server: calls over HTTP or gRPC, and when to try again."""
