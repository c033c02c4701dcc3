"""Azure OpenAI / Microsoft Foundry: managed fine-tuning; the weights stay there, a hosted model's id comes back."""
