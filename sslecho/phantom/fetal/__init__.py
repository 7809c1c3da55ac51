"""Obstetric stills: standard planes of a fetus in the uterus, and the looks that are none of them."""
