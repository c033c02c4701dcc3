"""The run folder as an artifact: its records, its manifest, its verification, its zip."""
