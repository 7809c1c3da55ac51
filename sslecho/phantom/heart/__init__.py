"""Standard planes through an adult heart, one function each, by name."""
