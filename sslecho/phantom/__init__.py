"""The built-in phantom: simulated ultrasound with known truth, because a hospital's data can't be shipped.

A figure made on it is a mechanism test: it shows that a method does what it says, never how well it does on
patients.
"""
