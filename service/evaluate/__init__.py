"""Variants x models on an evaluation set: asked, measured, compared, concluded."""
