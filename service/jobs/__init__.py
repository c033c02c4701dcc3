"""Jobs that survive the service: a durable pipeline, its states and its progress."""
