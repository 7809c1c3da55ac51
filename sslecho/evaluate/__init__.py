"""Protocols over several arms or attributes: what was learned, and how sure one can be of it."""
