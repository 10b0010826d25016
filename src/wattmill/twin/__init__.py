"""Twin: a discrete-event model of engines, and the driver that runs policy and ledger on it.

Pure: no clock, no loop, no randomness that is not an argument. The same inputs give the same run.
"""
