"""Who may do what: applications, contracts, journeys, consents, tokens."""
