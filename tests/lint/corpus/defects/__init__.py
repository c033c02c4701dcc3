"""Single-defect files and their valid twins: what a linter of this kind is judged by, family by family."""
