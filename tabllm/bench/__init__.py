"""How fast a language model is fine-tuned and sampled here, beside what the machine can do (``run``, ``machine``)."""
