"""What every room's part of /api/v1 is built with: strict bodies, keys for repeating, the document and its pages."""
