"""Pairs of classes that share their frames and differ in time: a vessel, the pleura, a tilt, levels of a ventricle."""
