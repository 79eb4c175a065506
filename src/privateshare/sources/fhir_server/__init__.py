"""A FHIR server that a person signs in to."""
