"""Search tasks as Markov decision processes."""
