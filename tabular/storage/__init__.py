"""Files that are whole or not there, and one writer at a time.

==================  ================================================================================================
``placing``         a new file or folder takes the place of an old one at once
``locking``         one program at a time writes a file or folder
``rundir``          a run directory, whole or not at all
``checkpoint``      what an interrupted training leaves
``learning_curve``  the losses of a training, line by line
==================  ================================================================================================
"""
