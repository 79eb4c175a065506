"""The source for FHIR servers that people sign in to."""
