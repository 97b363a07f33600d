"""Taking some of more than are wanted: parents with their children, users with their events.

============  ==================================================================
``families``  boosted trees that tell made ones from learned ones, and what they choose
============  ==================================================================
"""
