"""Bodies on their way in: whole or gone, unpacked within limits, worked on without holding anything up."""
