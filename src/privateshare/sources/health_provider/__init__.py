"""The source for hospitals, insurers and doctors whose FHIR server a person names or finds in a directory."""
