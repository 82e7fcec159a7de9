"""What every consuming loop needs: owned partitions, records read ahead, repeated publishing, a circuit breaker."""
