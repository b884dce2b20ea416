"""The promises of the shop, each as a test; the folders mirror the packages."""
