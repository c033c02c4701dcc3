"""What the estimate verb is made of: its tiers, what was measured, cost, words, charts and pages."""
