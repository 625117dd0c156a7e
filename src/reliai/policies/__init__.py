"""One file a policy. Floor 3: may import decisions, state and the engine, not the floors above."""
