"""One call, from its first sample to its last: roles, decoding, events and who hears of them."""
