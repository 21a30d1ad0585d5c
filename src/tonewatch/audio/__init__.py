"""From recordings to 16 kHz samples and features: decoding, resampling, the telephone line."""
