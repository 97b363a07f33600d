"""Events of a user: how many each has, and each event given the user and the events before.

===============  ==================================================================================
``model``        :class:`SequenceLM`, the synthesizer
``layout``       the columns of the two tables that are learned: users, and events with their past
``kinds``        kinds of users: who has like events
``limits``       values that come once, or only for some time, and how much time is left
``asked``        conditions on users, and on their first, last, any or every event
``following``    columns that go with the time or the user of an event
``past``         what an event is drawn from, as columns
``event_model``  the model of one event given its past
``walk``         histories made step by step, of all users at once
``filling``      holes of histories
``lanes``        long histories cut into stretches that are made side by side
``run_files``    what a run folder holds
===============  ==================================================================================
"""
