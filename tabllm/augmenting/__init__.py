"""More rows of a rare class: ``classes`` says how many, ``hybrid`` makes and joins them, ``study`` asks if they help.

``study`` fits and trains, ``training_sets`` makes what each training set learns from, ``scoring`` judges, ``findings``
puts it in words, ``sheets`` in tables.
"""
