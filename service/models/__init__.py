"""What a MODEL argument means: a catalogue row, a folder, a config; its architecture, size and fingerprint."""
