"""What happens: turns, delivery, status folding, sweeps."""
