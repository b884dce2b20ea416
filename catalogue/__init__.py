"""What is sold and what there is of it: cooperatives, products, SKUs, prices, lots, stock, counters, search."""
