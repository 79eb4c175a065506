"""A health record that a person exported as FHIR."""
