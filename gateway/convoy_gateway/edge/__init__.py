"""What every dialect of HTTP shares: bounds, deadlines and statuses, and nothing of any dialect."""
