"""Models at work: reading a prompt, computing, and turning what comes out into text. Each step is a file of its own."""
