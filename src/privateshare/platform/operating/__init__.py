"""What an operator sets and watches: settings, log, metrics, limits, admission of requests."""
