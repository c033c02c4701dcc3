"""The checks: one file each, named after the failure; see any of them for the headings."""
