"""The wire protocol and its delivery: frames, refusals, the hub."""
