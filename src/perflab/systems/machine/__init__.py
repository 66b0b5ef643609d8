"""What a machine is made of: CPUs, memory, drive, and the way between processes."""
