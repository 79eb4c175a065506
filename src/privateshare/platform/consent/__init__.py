"""The pages on which a person connects sources and consents. Protocol 8."""
