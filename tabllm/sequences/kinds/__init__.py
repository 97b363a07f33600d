"""What histories have in common, as one of a few kinds, each of 20 users or more: the mean of its members.

`users`: who has like events in all of them; a column of the table of users. `latest`: what the latest events of a
history were like, after each of them. `clusters` finds either.
"""
