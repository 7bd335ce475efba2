"""The names by which existing services and clients reach one another through RabbitMQ."""
