"""The platform that sits between people and apps: grants, consent, library, sync, delivery."""
