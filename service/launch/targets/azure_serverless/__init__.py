"""Azure's classic serverless fine-tuning, by the SDK's fine-tuning job: a frozen preview, experimental here."""
