"""What every loop at a broker needs: partitions owned, records read ahead, attempts repeated, a circuit that opens."""
