"""Where keys are found and kept, and what looks like one. No key is ever shown."""
