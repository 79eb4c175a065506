"""Tests of failures in words."""

from privateshare.sources.contract import Broken


def test_a_failure_is_translated_before_its_values_are_inserted() -> None:
    """The text keeps its values separate, and a per cent sign is only a character."""
    broken = Broken("%(name)s is odd. Take another.", name="100%s.json")
    assert (broken.text, broken.values) == ("%(name)s is odd. Take another.", {"name": "100%s.json"})
    assert str(broken) == "100%s.json is odd. Take another."
    assert str(Broken("100% odd. Take another.")) == "100% odd. Take another."
