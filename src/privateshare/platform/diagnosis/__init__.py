"""What an operator should know about a platform: the checks of `privateshare doctor` and of alerts."""
