"""Many customers at once, through the shop's own doors: nothing oversold, nothing twice, nothing lost."""
