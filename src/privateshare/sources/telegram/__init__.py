"""Telegram: the exports of Telegram Desktop, of the whole account or of one chat."""
