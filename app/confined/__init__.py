"""Strangers' files are parsed in processes of their own: bytes in, bytes out, and nothing of ours within reach."""
