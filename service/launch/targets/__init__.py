"""Where a plan can be carried out: one room per target behind the protocol of `target`."""
