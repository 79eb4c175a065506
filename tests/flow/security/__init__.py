"""Attacks on the platform, each as a test that fails to succeed."""
