"""The public verbs, one file each: they compose the layers below and return nouns."""
