"""Tells receivers what happened: secrets, signatures, one careful POST, and the outbox worked off in the background."""
