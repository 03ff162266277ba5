"""How a momentum is kept in fewer bits."""
