"""Operation of the platform: settings, logs, metrics, rate limits, and admission of requests."""
