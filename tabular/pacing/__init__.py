"""How long a fit takes: fewer updates for wide tables, and a word beforehand where it takes long."""

from .long_fits import tell_long_fits
from .wide_tables import MANY_COLUMNS, columns_learned, updates_for

__all__ = ["MANY_COLUMNS", "columns_learned", "tell_long_fits", "updates_for"]
