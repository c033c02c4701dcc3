"""Bodies on their way in: whole or gone, unpacked within limits."""
