"""Encoders and heads, and how they are saved and loaded."""
