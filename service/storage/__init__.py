"""Object storage: datasets and artifacts of every project in a folder, Azure Blob Storage or S3."""
