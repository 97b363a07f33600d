"""A report as one file for a browser.

``html`` puts the page together: ``front`` (verdicts first), the ``sections``, ``several`` (tables side by side) and
``origin``. All of them are made of ``elements``, in the frame that every page has (``document``).
"""
