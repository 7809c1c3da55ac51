"""How clips to label are picked: each file a rule, all of them on a `Pool`.

partition     clusters of the pool, of which typicality takes one clip each
typicality    the most typical clip of each cluster that has no label (TypiClust)
coverage      the clip whose ball holds most that is not covered yet (ProbCover), also weighted by uncertainty
farthest      the clip farthest from all that is labeled (k-center)
uncertainty   how little a quick probe on the labels knows of each clip
"""
