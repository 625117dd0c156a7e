"""The inside of `fault_server`: connections, plans, and what is kept of each request."""
