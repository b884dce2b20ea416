"""What the office sees of orders: lists, one order whole, figures of the days, the search over everything."""
