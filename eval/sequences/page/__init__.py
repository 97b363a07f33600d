"""The page of histories.

=============  ======================================================================
``whole``      puts it together
``sections``   its parts
``drawings``   their plots
``distances``  what the page of linked tables has, too: distances, detection, verdicts
=============  ======================================================================
"""
