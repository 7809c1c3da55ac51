"""Archives of files: zip and tar, opened one member at a time, and none of their names on the disk."""
