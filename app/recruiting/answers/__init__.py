"""Readers of answers: the words of a message to one field of the profile, with the quote that proves it."""
