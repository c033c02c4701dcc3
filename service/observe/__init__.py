"""What the service says of itself: logs, metrics, traces. Never a body, never a value of one."""
