"""The training loop of every generator, whatever it computes with; neither torch nor mlx is loaded here.

- :mod:`.plan`: how many updates, how often they are evaluated, and the step size of each.
- :mod:`.learner`: what the loop needs of a model in training.
- :mod:`.loop`: updates, evaluations, checkpoints, Ctrl-C, and what happens when a loss is not a number.
- :mod:`.processes`: what the loop asks of the processes that a fit is spread over.
"""
