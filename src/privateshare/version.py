"""This version, which is also that of the distribution."""

VERSION = "0.1.0"
