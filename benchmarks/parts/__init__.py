"""What several benchmarks are made of; the commands lie one folder up."""
