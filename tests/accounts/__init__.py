"""Tests of people: accounts, sign-ins, passwords, addresses."""
