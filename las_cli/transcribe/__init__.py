"""Recordings in, transcripts and their files out."""
