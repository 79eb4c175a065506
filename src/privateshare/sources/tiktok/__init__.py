"""TikTok: the data that people download in the app."""
