"""Finds personal data and secrets in text: Presidio's findings, behind a gate that says where they cannot be."""
