"""What generates: one protocol, several engines."""
