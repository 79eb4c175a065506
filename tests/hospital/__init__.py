"""A hospital to test with: a FHIR server and the authorization server before it, as a process of its own."""
