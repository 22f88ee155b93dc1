"""The house on one machine: embedded servers and twins of the vendors."""
