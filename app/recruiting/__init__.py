"""The business: pure rules and the vocabulary of a conversation. Imports nothing of ours."""
