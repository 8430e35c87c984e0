"""The groups of commands: names, options, and what they say of themselves. What each does is loaded when called."""
