"""The records of the chain, one file each: the language that all rooms share."""
