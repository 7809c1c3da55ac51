"""What a classifier looks at: by covering parts of its pictures, and by the gradients of its answers."""
