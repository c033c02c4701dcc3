"""Datasets in other shapes, read into chat or preference rows and written as JSONL."""
