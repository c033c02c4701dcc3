"""The measures, one file per family; `catalogue` lists them all."""
