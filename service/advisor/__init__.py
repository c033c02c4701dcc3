"""Facts in, decision out: TOML decision tables, three-valued matching; a missing fact is asked for, never assumed."""
