"""What Tonewatch keeps: calls, recordings, people and the audit, in a database and a folder."""
