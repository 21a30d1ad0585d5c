"""Who comes in, and what they may: passwords, sessions, keys, permissions, throttling."""
