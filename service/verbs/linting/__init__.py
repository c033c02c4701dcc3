"""What the lint verb is made of: its target, query, privacy scan, baseline, outputs and pages."""
