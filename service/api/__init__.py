"""The HTTP skin: decode, call one verb, return its record; every error is problem+json."""
