"""What every other part speaks of: the signal, labels, events, errors."""
