"""WhatsApp: chats that people export, one at a time, on their phones."""
