"""Room between: what arrived for a conversation, and who may work on it now (Redis)."""
