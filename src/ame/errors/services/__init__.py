"""Of services: calls through queues, Flower tasks on demand, children that outlive us."""
