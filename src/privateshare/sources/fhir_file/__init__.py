"""The source for health records that people exported as FHIR files."""
