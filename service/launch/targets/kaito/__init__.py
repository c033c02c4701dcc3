"""KAITO on Kubernetes: a Workspace that tunes one of its presets with its own trainer and hands back an adapter."""
