"""What histories keep to that no drawn event would by itself.

=============  ====================================================================================
``once``       values that come once in a history
``overdue``    and are the likelier the longer they have not
``lifetimes``  values that come only from some day on, or until one
``paces``      how much time is left for the events to come
``variety``    how many different values a history has
``settling``   other events in place of drawn ones that cannot be
=============  ====================================================================================
"""
