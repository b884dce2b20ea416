"""Spreadsheets: CSV and XLSX written so that no cell of theirs is a formula, and read without trusting them."""
