"""A simulated helpline: labelled calls from corpora and texts, and playing them into a service."""
