"""Data parallel training: one fit in several processes, each of which computes its part of every batch.

:mod:`.world` reads what the launcher says, :mod:`.group` is what processes do together (:mod:`.torch_group` and
:mod:`.mlx_group` on an engine), :mod:`.verdict` sees to it that one process tells why all of them end.
"""
