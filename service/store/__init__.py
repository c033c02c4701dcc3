"""What the service remembers: records, datasets, jobs and their events; SQLite by default, Postgres by URL."""
