"""What a store should not hold, found and said as data: `audit` runs all of it.

content.py     where in a stored frame the ultrasound is
phash.py       64 and 256 bits that two encodings of one picture share
scan.py        one pass over all frames: hashes, checksums, brightness, motion
candidates.py  which pictures may be alike, without comparing all with all
likeness.py    whether two pictures are alike: correlation of shades and of detail
twins.py       the pairs of clips that are alike
finding.py     what a finding is
tables.py      findings from the tables alone: splits, patients, labels, damage, what was left out
pixels.py      findings from the pixels of single clips: blank, saturated, frozen
copies.py      findings from pairs: the same picture twice, repeats of a view, one picture under two labels
"""
