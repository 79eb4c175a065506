"""Conversations with assistants: the exports of ChatGPT and Claude."""
