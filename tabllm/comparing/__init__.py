"""Several generators on one table: ``study`` fits and judges them, ``tables`` sets the results side by side."""
