"""Who a person is: what proves that a library is theirs, and what they see and stop of what they share."""
