"""Tables whose rows belong together: the events of a user.

=============  ====================================================================================
``log``        :class:`EventLog`: rows grouped by user and in time order, and what is a user's own
``times``      :class:`Clock`: the time of an event as the gap since the one before, and back
=============  ====================================================================================
"""
