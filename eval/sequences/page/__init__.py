"""The page of histories: ``whole`` puts it together, ``sections`` holds its parts and ``drawings`` their plots."""
