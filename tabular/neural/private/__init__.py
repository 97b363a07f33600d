"""Differential privacy in the updates of these generators: :mod:`.learner`, and :mod:`.audit` of what it releases."""
