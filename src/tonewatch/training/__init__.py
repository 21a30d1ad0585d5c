"""Training: from corpora to a bundle. The only part that needs torch."""
