"""Pure state machines behind the policies: values in, decisions out.

Nothing here awaits, reads a clock, draws a random number or does I/O: each method is given the
time (`now`, seconds of a monotonic clock) or a random source. Locks guard only such updates.
Import the file that holds the idea: `reliai.decisions.circuit`, `.window`, `.backoff`, …
Policies and everything above may import this floor; it imports `stats`, `_core` and the ground.
"""
