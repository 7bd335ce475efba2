"""What clients have always called: functions through queues, and a gateway over HTTP."""
